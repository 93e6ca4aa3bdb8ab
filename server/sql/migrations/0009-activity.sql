-- How sales went, summed up while they go: so that a series over a million rows of the journal reads a few thousand here.
--
-- `activity` has a row a sale, step and kind, in steps of a second, a minute and an hour. What the journal knows is summed up
-- from it, exactly once: the sums of a page and the mark how far it went are one transaction. What it does not know,
-- refused and replayed attempts and latencies, comes from each process, every second.
--
-- Nothing here is needed to sell: its commits do not wait for the disk. A crash takes sums and mark together, and the
-- page is read again.

CREATE TABLE holdfast.activity (
  sale integer NOT NULL,
  -- Length of the step, in seconds; `at_s` is where it begins.
  grain integer NOT NULL CHECK (grain IN (1, 60, 3600)),
  at_s bigint NOT NULL,
  -- Of the journal: reserved, released, expired, confirmed, lost, stock (units that came in). Of the processes:
  -- replayed, refused:<code>.
  kind text COLLATE "C" NOT NULL,
  count bigint NOT NULL,
  units bigint NOT NULL,
  PRIMARY KEY (sale, grain, at_s, kind)
) WITH (fillfactor = 70); -- The rows of the current steps change every second: room on the page keeps the updates heap-only.

CREATE INDEX activity_to_purge ON holdfast.activity (at_s) WHERE grain < 3600;

CREATE TABLE holdfast.latency (
  sale integer NOT NULL,
  grain integer NOT NULL CHECK (grain IN (1, 60, 3600)),
  at_s bigint NOT NULL,
  verb text COLLATE "C" NOT NULL,
  -- One number a bucket; the bounds are in src/domain/latency-buckets.ts.
  counts bigint[] NOT NULL,
  PRIMARY KEY (sale, grain, at_s, verb)
) WITH (fillfactor = 70);

CREATE INDEX latency_to_purge ON holdfast.latency (at_s) WHERE grain < 3600;

-- How far the journal has been summed up. By epoch, because what an old store had left is journaled after a newer epoch began.
CREATE TABLE holdfast.activity_mark (
  sale integer NOT NULL,
  source "char" NOT NULL,
  epoch integer NOT NULL,
  seq bigint NOT NULL,
  PRIMARY KEY (sale, source, epoch)
) WITH (fillfactor = 50);

-- The sale's stock and sales as of its l mark, and when the two were equal for the first time.
CREATE TABLE holdfast.activity_sale (
  sale integer PRIMARY KEY,
  total bigint NOT NULL DEFAULT 0,
  sold bigint NOT NULL DEFAULT 0,
  sold_out_at_ms bigint,
  -- Unloaded and read to its end: its r rows are looked for no more.
  ended boolean NOT NULL DEFAULT false
) WITH (fillfactor = 50);

-- The units of packed lines, `A-1*2,B-2*1`; 0 where there are none.
CREATE FUNCTION holdfast.units_of(p_lines text) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE
    WHEN p_lines IS NULL THEN 0
    WHEN strpos(p_lines, ',') = 0 THEN split_part(p_lines, '*', 2)::bigint
    ELSE (SELECT sum(split_part(word, '*', 2)::bigint) FROM string_to_table(p_lines, ',') AS word)
  END
$$;

-- What a row of the journal counts as; null: as nothing.
CREATE FUNCTION holdfast.activity_kind(p_source "char", p_kind text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE
    WHEN p_kind IN ('reserved', 'released', 'expired', 'confirmed') THEN p_kind
    WHEN p_source = 'l' AND p_kind = 'refused' THEN 'lost'
    WHEN p_kind IN ('item-added', 'stock-changed') THEN 'stock'
  END
$$;

CREATE FUNCTION holdfast.add_counts(p_a bigint[], p_b bigint[]) RETURNS bigint[]
LANGUAGE sql IMMUTABLE AS $$
  SELECT array_agg(coalesce(a, 0) + coalesce(b, 0) ORDER BY at)
  FROM unnest(p_a, p_b) WITH ORDINALITY AS both_of (a, b, at)
$$;

-- What can be summed up: each part of the journal with rows after its mark. `complete`: later epochs were granted, so
-- nothing more of it comes, and numbers that it lacks were lost. A few look-ups a sale, however long the journal is.
CREATE FUNCTION holdfast.unsummarised(p_limit integer)
RETURNS TABLE (sale integer, source "char", epoch integer, complete boolean)
LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  SELECT part.sale, part.source, part.epoch, part.complete
  FROM (
    SELECT held.number AS sale, 'l'::"char" AS source, 0 AS epoch, false AS complete
    FROM holdfast.sale AS held
    WHERE held.entry_seq > coalesce((
      SELECT seq FROM holdfast.activity_mark AS mark
      WHERE mark.sale = held.number AND mark.source = 'l' AND mark.epoch = 0), 0)
    UNION ALL
    SELECT held.number, 'r'::"char", begun.epoch, begun.epoch < granted.epoch
    FROM holdfast.sale AS held
    CROSS JOIN LATERAL (SELECT holdfast.last_granted_epoch(held.number) AS epoch OFFSET 0) AS granted
    CROSS JOIN LATERAL generate_series(0, granted.epoch) AS begun (epoch)
    WHERE NOT coalesce((SELECT ended FROM holdfast.activity_sale AS known WHERE known.sale = held.number), false)
      AND (
        SELECT true FROM holdfast.journal AS next
        WHERE next.sale = held.number AND next.source = 'r' AND next.epoch = begun.epoch
          AND next.seq > coalesce((
            SELECT mark.seq FROM holdfast.activity_mark AS mark
            WHERE mark.sale = held.number AND mark.source = 'r' AND mark.epoch = begun.epoch), 0)
        ORDER BY next.seq
        LIMIT 1)
  ) AS part
  LIMIT p_limit;
END
$$;

-- Sums up the next rows of one part, and moves its mark: the number of rows. Only numbers that follow each other are
-- taken, unless the epoch is complete: what is missing may still come. Two at once take turns at the mark.
CREATE FUNCTION holdfast.summarise(
  p_sale integer, p_source "char", p_epoch integer, p_complete boolean, p_limit integer
) RETURNS integer
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET jit = off
AS $$
DECLARE
  v_mark bigint;
  v_rows integer;
  v_last bigint;
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  INSERT INTO holdfast.activity_mark (sale, source, epoch, seq) VALUES (p_sale, p_source, p_epoch, 0)
  ON CONFLICT DO NOTHING;
  SELECT seq INTO v_mark FROM holdfast.activity_mark
  WHERE sale = p_sale AND source = p_source AND epoch = p_epoch FOR UPDATE;

  WITH page AS MATERIALIZED (
    SELECT seq, holdfast.activity_kind(p_source, kind) AS kind, at_ms / 1000 AS at_s, lines,
           seq - row_number() OVER (ORDER BY seq) AS run, first_value(seq) OVER (ORDER BY seq) AS first
    FROM (
      SELECT * FROM holdfast.journal
      WHERE sale = p_sale AND source = p_source AND epoch = p_epoch AND seq > v_mark
      ORDER BY seq
      LIMIT p_limit
    ) AS next
  ), taken AS MATERIALIZED (
    SELECT * FROM page
    -- An epoch of the stock store begins wherever its numbers were.
    WHERE p_complete OR (run = first - 1 AND (first = v_mark + 1 OR (p_source = 'r' AND v_mark = 0)))
  ), by_second AS MATERIALIZED (
    SELECT at_s, kind, count(*) AS count, sum(holdfast.units_of(lines)) AS units
    FROM taken
    WHERE kind IS NOT NULL
    GROUP BY 1, 2
  ), noted AS (
    INSERT INTO holdfast.activity AS kept (sale, grain, at_s, kind, count, units)
    SELECT p_sale, step.grain, by_second.at_s / step.grain * step.grain, by_second.kind, sum(by_second.count),
           sum(by_second.units)
    FROM by_second CROSS JOIN (VALUES (1), (60), (3600)) AS step (grain)
    GROUP BY 2, 3, 4
    ORDER BY 2, 3, 4
    ON CONFLICT (sale, grain, at_s, kind)
    DO UPDATE SET count = kept.count + excluded.count, units = kept.units + excluded.units
  )
  SELECT count(*), max(seq) INTO v_rows, v_last FROM taken;

  IF v_rows = 0 THEN
    RETURN 0;
  END IF;
  UPDATE holdfast.activity_mark SET seq = v_last
  WHERE sale = p_sale AND source = p_source AND epoch = p_epoch;
  IF p_source = 'l' THEN
    INSERT INTO holdfast.activity_sale (sale) VALUES (p_sale) ON CONFLICT DO NOTHING;
    UPDATE holdfast.activity_sale AS known
    SET total = known.total + later.total, sold = known.sold + later.sold,
        sold_out_at_ms = coalesce(known.sold_out_at_ms, later.sold_out_at_ms)
    FROM holdfast.stock_after(p_sale, v_mark, v_last - v_mark) AS later
    WHERE known.sale = p_sale;
  END IF;
  RETURN v_rows;
END
$$;

-- What l entries after a mark moved, at most so many of them, and when the sale was sold out by them: the first entry
-- after which every unit was sold.
CREATE FUNCTION holdfast.stock_after(p_sale integer, p_mark bigint, p_limit bigint)
RETURNS TABLE (total bigint, sold bigint, sold_out_at_ms bigint)
LANGUAGE sql STABLE
AS $$
  WITH entry AS MATERIALIZED (
    SELECT seq, at_ms, kind, holdfast.units_of(lines) AS units
    FROM holdfast.journal
    WHERE sale = p_sale AND source = 'l' AND epoch = 0 AND seq > p_mark
    ORDER BY seq
    LIMIT p_limit
  ), running AS (
    SELECT seq, at_ms,
           coalesce(known.total, 0)
             + coalesce(sum(units) FILTER (WHERE kind IN ('item-added', 'stock-changed')) OVER upto, 0) AS total,
           coalesce(known.sold, 0) + coalesce(sum(units) FILTER (WHERE kind = 'confirmed') OVER upto, 0) AS sold
    FROM entry
    LEFT JOIN holdfast.activity_sale AS known ON known.sale = p_sale
    WINDOW upto AS (ORDER BY seq)
  )
  SELECT coalesce(sum(units) FILTER (WHERE kind IN ('item-added', 'stock-changed')), 0)::bigint,
         coalesce(sum(units) FILTER (WHERE kind = 'confirmed'), 0)::bigint,
         (SELECT at_ms FROM running WHERE running.sold > 0 AND running.sold = running.total ORDER BY seq LIMIT 1)
  FROM entry
$$;

-- Unloaded sales whose r rows are all summed up.
CREATE FUNCTION holdfast.end_activity(p_limit integer) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO holdfast.activity_sale AS known (sale, ended)
  SELECT held.number, true
  FROM holdfast.sale AS held
  WHERE held.unloaded
    AND NOT coalesce((SELECT ended FROM holdfast.activity_sale AS known WHERE known.sale = held.number), false)
    AND NOT EXISTS (
      SELECT FROM holdfast.unsummarised(1000000) AS part WHERE part.sale = held.number AND part.source = 'r')
  LIMIT p_limit
  ON CONFLICT (sale) DO UPDATE SET ended = true
$$;

-- What a process counted: attempts by kind, and latencies. Adds up; sorted, so that two processes never wait in a circle.
CREATE FUNCTION holdfast.note_attempts(
  p_sales integer[], p_at_s bigint[], p_kinds text[], p_counts bigint[]
) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  INSERT INTO holdfast.activity AS kept (sale, grain, at_s, kind, count, units)
  SELECT cell.sale, step.grain, cell.at_s / step.grain * step.grain, cell.kind, sum(cell.count), 0
  FROM unnest(p_sales, p_at_s, p_kinds, p_counts) AS cell (sale, at_s, kind, count)
  CROSS JOIN (VALUES (1), (60), (3600)) AS step (grain)
  GROUP BY 1, 2, 3, 4
  ORDER BY 1, 2, 3, 4
  ON CONFLICT (sale, grain, at_s, kind) DO UPDATE SET count = kept.count + excluded.count;
END
$$;

-- `p_counts` is one row of counts after another, `p_buckets` numbers each.
CREATE FUNCTION holdfast.note_latencies(
  p_sales integer[], p_at_s bigint[], p_verbs text[], p_counts bigint[], p_buckets integer
) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  INSERT INTO holdfast.latency AS kept (sale, grain, at_s, verb, counts)
  SELECT summed.sale, summed.grain, summed.at_s, summed.verb, array_agg(summed.count ORDER BY summed.bucket)
  FROM (
    SELECT cell.sale, step.grain, cell.at_s / step.grain * step.grain AS at_s, cell.verb, bucket,
           sum(p_counts[(cell.number - 1) * p_buckets + bucket])::bigint AS count
    FROM unnest(p_sales, p_at_s, p_verbs) WITH ORDINALITY AS cell (sale, at_s, verb, number)
    CROSS JOIN (VALUES (1), (60), (3600)) AS step (grain)
    CROSS JOIN generate_series(1, p_buckets) AS bucket
    GROUP BY 1, 2, 3, 4, 5
  ) AS summed
  GROUP BY 1, 2, 3, 4
  ORDER BY 1, 2, 3, 4
  ON CONFLICT (sale, grain, at_s, verb) DO UPDATE SET counts = holdfast.add_counts(kept.counts, excluded.counts);
END
$$;

-- Steps below an hour that are too old: the number removed, at most `p_limit` of each table.
CREATE FUNCTION holdfast.purge_activity(p_before_s bigint, p_limit integer) RETURNS integer
LANGUAGE plpgsql
SET enable_seqscan = off
AS $$
DECLARE
  v_activity integer;
  v_latency integer;
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  DELETE FROM holdfast.activity WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM holdfast.activity WHERE grain < 3600 AND at_s < p_before_s ORDER BY at_s LIMIT p_limit));
  GET DIAGNOSTICS v_activity = ROW_COUNT;
  DELETE FROM holdfast.latency WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM holdfast.latency WHERE grain < 3600 AND at_s < p_before_s ORDER BY at_s LIMIT p_limit));
  GET DIAGNOSTICS v_latency = ROW_COUNT;
  RETURN v_activity + v_latency;
END
$$;
