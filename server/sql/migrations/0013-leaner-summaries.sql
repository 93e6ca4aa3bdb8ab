-- Summing up, cheaper: nearly every page of the journal lacks nothing and is of one line a row. So a page is read once and
-- grouped at once; rows are numbered only where one is missing, and the l entries read again only where the sale may have
-- been sold out by them. What is summed up, and exactly once, is as before (0009).

-- The units of a cart of several lines.
CREATE FUNCTION holdfast.units_of_cart(p_lines text) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
  SELECT sum(split_part(word, '*', 2)::bigint) FROM string_to_table(p_lines, ',') AS word
$$;

-- Without a subquery of its own PostgreSQL can put it in place of the call, which cost more than all else here.
CREATE OR REPLACE FUNCTION holdfast.units_of(p_lines text) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE
    WHEN p_lines IS NULL THEN 0
    WHEN strpos(p_lines, ',') = 0 THEN split_part(p_lines, '*', 2)::bigint
    ELSE holdfast.units_of_cart(p_lines)
  END
$$;

-- The next rows of one part, added to its sums unless they lack a number: `whole` says which. Nothing is written where not.
CREATE FUNCTION holdfast.add_page(
  p_sale integer, p_source "char", p_epoch integer, p_complete boolean, p_mark bigint, p_limit integer
) RETURNS TABLE (whole boolean, last bigint, rows integer, stock_entries bigint, stock bigint, sold bigint)
LANGUAGE sql
SET enable_seqscan = off SET jit = off
AS $$
  WITH by_second AS MATERIALIZED (
    SELECT next.at_ms / 1000 AS at_s, holdfast.activity_kind(p_source, next.kind) AS kind, count(*) AS count,
           sum(holdfast.units_of(next.lines)) AS units,
           min(next.seq) AS first, max(next.seq) AS last
    FROM (
      SELECT seq, kind, at_ms, lines FROM holdfast.journal
      WHERE sale = p_sale AND source = p_source AND epoch = p_epoch AND seq > p_mark
      ORDER BY seq
      LIMIT p_limit
    ) AS next
    GROUP BY 1, 2
  ), page AS MATERIALIZED (
    SELECT min(first) AS first, max(last) AS last, coalesce(sum(count), 0)::integer AS rows,
           coalesce(sum(count) FILTER (WHERE kind = 'stock'), 0)::bigint AS stock_entries,
           coalesce(sum(units) FILTER (WHERE kind = 'stock'), 0)::bigint AS stock,
           coalesce(sum(units) FILTER (WHERE kind = 'confirmed'), 0)::bigint AS sold
    FROM by_second
  ), verdict AS MATERIALIZED (
    -- An epoch of the stock store begins wherever its numbers were.
    SELECT p_complete OR page.rows = 0 OR (page.last - page.first + 1 = page.rows
           AND (page.first = p_mark + 1 OR (p_source = 'r' AND p_mark = 0))) AS whole
    FROM page
  ), noted AS (
    INSERT INTO holdfast.activity AS kept (sale, grain, at_s, kind, count, units)
    SELECT p_sale, step.grain, by_second.at_s / step.grain * step.grain, by_second.kind, sum(by_second.count),
           sum(by_second.units)
    FROM by_second CROSS JOIN (VALUES (1), (60), (3600)) AS step (grain) CROSS JOIN verdict
    WHERE by_second.kind IS NOT NULL AND verdict.whole
    GROUP BY 2, 3, 4
    ORDER BY 2, 3, 4
    ON CONFLICT (sale, grain, at_s, kind)
    DO UPDATE SET count = kept.count + excluded.count, units = kept.units + excluded.units
  )
  SELECT verdict.whole, page.last, page.rows, page.stock_entries, page.stock, page.sold FROM page CROSS JOIN verdict
$$;

CREATE OR REPLACE FUNCTION holdfast.summarise(
  p_sale integer, p_source "char", p_epoch integer, p_complete boolean, p_limit integer
) RETURNS integer
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET jit = off
AS $$
DECLARE
  v_mark bigint;
  v_limit integer := p_limit;
  v_page record;
  v_known holdfast.activity_sale;
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  INSERT INTO holdfast.activity_mark (sale, source, epoch, seq) VALUES (p_sale, p_source, p_epoch, 0)
  ON CONFLICT DO NOTHING;
  SELECT seq INTO v_mark FROM holdfast.activity_mark
  WHERE sale = p_sale AND source = p_source AND epoch = p_epoch FOR UPDATE;

  SELECT * INTO v_page FROM holdfast.add_page(p_sale, p_source, p_epoch, p_complete, v_mark, v_limit);
  IF NOT v_page.whole THEN
    -- Up to the number that is missing: it may still come.
    SELECT count(*) INTO v_limit
    FROM (
      SELECT seq - row_number() OVER (ORDER BY seq) AS run, first_value(seq) OVER (ORDER BY seq) AS first
      FROM (
        SELECT seq FROM holdfast.journal
        WHERE sale = p_sale AND source = p_source AND epoch = p_epoch AND seq > v_mark
        ORDER BY seq
        LIMIT p_limit
      ) AS next
    ) AS numbered
    WHERE run = first - 1 AND (first = v_mark + 1 OR (p_source = 'r' AND v_mark = 0));
    SELECT * INTO v_page FROM holdfast.add_page(p_sale, p_source, p_epoch, false, v_mark, v_limit);
  END IF;
  IF v_page.rows = 0 THEN
    RETURN 0;
  END IF;
  UPDATE holdfast.activity_mark SET seq = v_page.last
  WHERE sale = p_sale AND source = p_source AND epoch = p_epoch;

  IF p_source = 'l' THEN
    INSERT INTO holdfast.activity_sale (sale) VALUES (p_sale) ON CONFLICT DO NOTHING;
    SELECT * INTO v_known FROM holdfast.activity_sale WHERE sale = p_sale FOR UPDATE;
    IF v_known.sold_out_at_ms IS NULL
      AND (v_page.stock_entries > 0 OR v_known.sold + v_page.sold = v_known.total)
    THEN
      SELECT sold_out_at_ms INTO v_known.sold_out_at_ms FROM holdfast.stock_after(p_sale, v_mark, v_page.rows);
    END IF;
    UPDATE holdfast.activity_sale
    SET total = v_known.total + v_page.stock, sold = v_known.sold + v_page.sold, sold_out_at_ms = v_known.sold_out_at_ms
    WHERE sale = p_sale;
  END IF;
  RETURN v_page.rows;
END
$$;

-- Replaced and new functions that write say it themselves (0011).
ALTER FUNCTION holdfast.add_page SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION holdfast.summarise SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
