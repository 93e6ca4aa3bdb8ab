-- Confirmations, cheaper: beside its B-trees a batch costs by the statement, some 50 µs each, and by how often the same arrays
-- are taken apart. So two statements read, one writes what every batch has to write, one answers; the others run only where a
-- batch has something for them. Decided is as before, in the same order and by the same conditions (protocols §4, step 2).

CREATE OR REPLACE FUNCTION holdfast.confirm_batch(
  p_sale integer,
  p_epoch integer,
  p_reservation_ids bytea[],
  p_created_seqs bigint[],
  p_customers bytea[],
  p_subs text[],
  p_order_ids bytea[],
  p_payment_references text[],
  p_lines text[]
) RETURNS TABLE (
  request integer,
  outcome text,
  entry_seq bigint,
  order_id bytea,
  payment_reference text,
  confirmed_at_ms bigint,
  sku text,
  quantity integer,
  price_minor bigint,
  currency text
)
LANGUAGE plpgsql
-- Every table is met by its whole key. A plan made while the tables are small must not scan them for the rest of
-- the session, when a sale's opening has filled them: one plan, no scans, and look-ups as subqueries of their own
-- (OFFSET 0 keeps the planner from making joins of them, and of the joins what suits an empty table).
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off SET jit = off
AS $$
#variable_conflict use_column
DECLARE
  v_now_ms bigint;
  v_entry_seq bigint;
  v_last_entry_seq bigint;
  v_requests integer := cardinality(p_reservation_ids);
  v_orders integer := 0;
  -- Per request.
  v_decisions text[] := array_fill(NULL::text, ARRAY[v_requests]); -- what is decided here and now
  v_entry_seqs bigint[] := array_fill(NULL::bigint, ARRAY[v_requests]);
  -- Per SKU of the batch, sorted.
  v_skus text[];           -- null if the sale has no such item
  v_left integer[];        -- units left, counted down
  v_caps integer[];        -- most units a customer may have; null = no cap
  v_prices bigint[];
  v_currencies text[];
  v_taken integer[];       -- units that the batch sells
  -- Per line, in request order. Of its request: the first of the batch for the same life of the same reservation, true if it
  -- was decided by an earlier batch, true if its customer is known by name.
  v_line_requests integer[];
  v_line_firsts integer[];
  v_line_stored boolean[];
  v_line_named boolean[];
  v_line_skus text[];
  v_line_quantities integer[];
  v_line_items integer[];  -- index of its SKU
  v_line_pairs integer[];  -- index of its customer and SKU into v_bought
  v_line_bought integer[]; -- bought before the batch; null if nothing ever was
  -- Per customer and SKU: units bought, counted up.
  v_bought integer[];
  v_begin integer;
  v_end integer := 0;
  v_fits boolean;
BEGIN
  v_last_entry_seq := holdfast.lock_sale_for_decision(p_sale, p_epoch);
  v_entry_seq := v_last_entry_seq;
  v_now_ms := holdfast.now_ms();

  -- array_agg takes the rows as the sorted subquery gives them; an ORDER BY in each would sort once an array.
  SELECT array_agg(line.request), array_agg(line.first), array_agg(line.stored), array_agg(line.named),
         array_agg(line.sku), array_agg(line.quantity), array_agg(line.item), array_agg(line.pair),
         array_agg(line.bought)
  INTO v_line_requests, v_line_firsts, v_line_stored, v_line_named,
       v_line_skus, v_line_quantities, v_line_items, v_line_pairs, v_line_bought
  FROM (
    SELECT word.request, word.first, word.stored, word.named, word.sku, word.quantity,
           dense_rank() OVER (ORDER BY word.sku)::integer AS item,
           dense_rank() OVER (ORDER BY word.sku, word.customer)::integer AS pair,
           (SELECT mine.quantity FROM holdfast.customer_item AS mine
            WHERE mine.sale = p_sale AND mine.customer = word.customer AND mine.sku = word.sku) AS bought
    FROM (
      SELECT split.request, split.first, split.stored, split.named, split.customer,
             split_part(split.word, '*', 1) COLLATE "C" AS sku, split_part(split.word, '*', 2)::integer AS quantity
      FROM (
        -- A request for nothing has one line of no SKU, which no sale has: it is refused.
        SELECT asked.*, unnest(coalesce(nullif(string_to_array(asked.lines, ','), '{}'), ARRAY[NULL])) AS word
        FROM (
          SELECT ask.request::integer AS request, ask.customer, ask.lines,
                 min(ask.request) OVER (PARTITION BY ask.reservation_id, ask.created_seq)::integer AS first,
                 (SELECT true FROM holdfast.outcome AS decided
                  WHERE decided.reservation_id = ask.reservation_id AND decided.created_seq = ask.created_seq) AS stored,
                 (SELECT true FROM holdfast.customer AS known WHERE known.key = ask.customer) AS named
          FROM unnest(p_reservation_ids, p_created_seqs, p_customers, p_lines) WITH ORDINALITY
            AS ask (reservation_id, created_seq, customer, lines, request)
        ) AS asked
      ) AS split
    ) AS word
    ORDER BY word.request, word.sku
  ) AS line;

  -- Locked as they are read, in the order of their SKUs, like every lock on items: an operator's own statement then waits and
  -- does not deadlock.
  SELECT array_agg(wanted.sku), array_agg(wanted.total - wanted.sold), array_agg(wanted.max_per_customer),
         array_agg(wanted.price_minor), array_agg(wanted.currency)
  INTO v_skus, v_left, v_caps, v_prices, v_currencies
  FROM (
    SELECT known.*
    FROM (SELECT DISTINCT line.sku COLLATE "C" AS sku FROM unnest(v_line_skus) AS line (sku) ORDER BY 1 OFFSET 0) AS asked
    LEFT JOIN LATERAL (
      SELECT * FROM holdfast.item WHERE item.sale = p_sale AND item.sku = asked.sku OFFSET 0 FOR NO KEY UPDATE
    ) AS known ON true
  ) AS wanted;
  v_taken := array_fill(0, ARRAY[cardinality(v_left)]);

  FOR v_line IN 1 .. cardinality(v_line_requests) LOOP
    v_bought[v_line_pairs[v_line]] := coalesce(v_line_bought[v_line], 0);
  END LOOP;

  FOR v_request IN 1 .. v_requests LOOP
    v_begin := v_end + 1;
    WHILE v_line_requests[v_end + 1] = v_request LOOP
      v_end := v_end + 1;
    END LOOP;
    CONTINUE WHEN v_line_stored[v_begin] IS NOT NULL OR v_line_firsts[v_begin] < v_request;

    v_fits := true;
    FOR v_line IN v_begin .. v_end LOOP
      IF v_left[v_line_items[v_line]] IS NULL
        OR v_line_quantities[v_line] > v_left[v_line_items[v_line]]
        OR v_bought[v_line_pairs[v_line]] + v_line_quantities[v_line] > v_caps[v_line_items[v_line]]
      THEN
        v_fits := false;
        EXIT;
      END IF;
    END LOOP;

    IF v_fits THEN
      FOR v_line IN v_begin .. v_end LOOP
        v_left[v_line_items[v_line]] := v_left[v_line_items[v_line]] - v_line_quantities[v_line];
        v_taken[v_line_items[v_line]] := v_taken[v_line_items[v_line]] + v_line_quantities[v_line];
        v_bought[v_line_pairs[v_line]] := v_bought[v_line_pairs[v_line]] + v_line_quantities[v_line];
      END LOOP;
      v_orders := v_orders + 1;
    END IF;

    v_entry_seq := v_entry_seq + 1;
    v_entry_seqs[v_request] := v_entry_seq;
    v_decisions[v_request] := CASE WHEN v_fits THEN 'confirmed' ELSE 'refused' END;
  END LOOP;

  IF v_entry_seq > v_last_entry_seq THEN
    UPDATE holdfast.sale SET entry_seq = v_entry_seq WHERE sale.number = p_sale;

    FOR v_item IN 1 .. cardinality(v_taken) LOOP
      CONTINUE WHEN v_taken[v_item] = 0;
      UPDATE holdfast.item SET sold = item.sold + v_taken[v_item] WHERE item.sale = p_sale AND item.sku = v_skus[v_item];
    END LOOP;

    -- Nobody else writes these tables' rows of the sale while the sale's row is ours, so what was read of them stands.
    WITH ask AS MATERIALIZED (
      SELECT *
      FROM unnest(p_reservation_ids, p_created_seqs, p_customers, p_order_ids, p_payment_references, p_lines,
                  v_decisions, v_entry_seqs)
        AS ask (reservation_id, created_seq, customer, order_id, payment_reference, lines, decision, entry_seq)
      WHERE ask.decision IS NOT NULL
    ), registered AS (
      INSERT INTO holdfast.outcome (reservation_id, created_seq, sale, outcome, entry_seq, at_ms, order_id)
      SELECT ask.reservation_id, ask.created_seq, p_sale, ask.decision, ask.entry_seq, v_now_ms,
             CASE ask.decision WHEN 'confirmed' THEN ask.order_id END
      FROM ask
    ), journaled AS (
      INSERT INTO holdfast.journal
        (sale, source, epoch, seq, kind, at_ms, reservation_id, created_seq, customer, lines)
      SELECT p_sale, 'l', 0, ask.entry_seq, ask.decision, v_now_ms,
             ask.reservation_id, ask.created_seq, ask.customer, ask.lines
      FROM ask
    ), ordered AS (
      INSERT INTO holdfast.orders
        (order_id, sale, reservation_id, created_seq, customer, payment_reference, confirmed_at_ms)
      SELECT ask.order_id, p_sale, ask.reservation_id, ask.created_seq, ask.customer, ask.payment_reference, v_now_ms
      FROM ask
      WHERE ask.decision = 'confirmed'
    ), sold AS MATERIALIZED (
      SELECT line.*
      FROM unnest(v_line_requests, v_line_skus, v_line_quantities, v_line_items, v_line_bought)
        AS line (request, sku, quantity, item, bought)
      WHERE v_decisions[line.request] = 'confirmed'
    ), detailed AS (
      INSERT INTO holdfast.order_lines (order_id, sku, quantity, price_minor, currency)
      SELECT p_order_ids[sold.request], sold.sku, sold.quantity, v_prices[sold.item], v_currencies[sold.item]
      FROM sold
    )
    -- A plain insert for customers who have not bought this before, which are nearly all: ON CONFLICT would look for each a
    -- second time.
    INSERT INTO holdfast.customer_item (sale, customer, sku, quantity)
    SELECT p_sale, p_customers[sold.request], sold.sku, sum(sold.quantity)
    FROM sold
    WHERE sold.bought IS NULL
    GROUP BY p_customers[sold.request], sold.sku;

    IF array_length(array_remove(v_line_bought, NULL), 1) > 0 THEN
      INSERT INTO holdfast.customer_item AS mine (sale, customer, sku, quantity)
      SELECT p_sale, p_customers[line.request], line.sku, sum(line.quantity)
      FROM unnest(v_line_requests, v_line_skus, v_line_quantities, v_line_bought)
        AS line (request, sku, quantity, bought)
      WHERE v_decisions[line.request] = 'confirmed' AND line.bought IS NOT NULL
      GROUP BY p_customers[line.request], line.sku
      ON CONFLICT (sale, customer, sku) DO UPDATE SET quantity = mine.quantity + excluded.quantity;
    END IF;

    -- Customers are shared by all sales: another sale's batch may name the same one meanwhile. Sorted, so that two batches do not
    -- wait for each other in a circle; and once more where they met (ON CONFLICT writes every row twice, see 0007).
    IF array_position(v_line_named, NULL) IS NOT NULL THEN
      BEGIN
        INSERT INTO holdfast.customer (key, sub)
        SELECT DISTINCT ON (unnamed.key) unnamed.key, unnamed.sub
        FROM (
          SELECT p_customers[line.request] AS key, p_subs[line.request] AS sub
          FROM unnest(v_line_requests, v_line_named) AS line (request, named)
          WHERE line.named IS NULL AND v_decisions[line.request] IS NOT NULL
        ) AS unnamed
        ORDER BY unnamed.key;
      EXCEPTION WHEN unique_violation THEN
        INSERT INTO holdfast.customer (key, sub)
        SELECT DISTINCT ON (ask.customer) ask.customer, ask.sub
        FROM unnest(p_customers, p_subs, v_decisions) AS ask (customer, sub, decision)
        WHERE ask.decision IS NOT NULL
        ORDER BY ask.customer
        ON CONFLICT DO NOTHING;
      END;
    END IF;
  END IF;

  RETURN QUERY
  SELECT line.request, 'confirmed', v_entry_seqs[line.request], p_order_ids[line.request],
         p_payment_references[line.request], v_now_ms,
         line.sku, line.quantity, v_prices[line.item], v_currencies[line.item]
  FROM unnest(v_line_requests, v_line_skus, v_line_quantities, v_line_items) AS line (request, sku, quantity, item)
  WHERE v_decisions[line.request] = 'confirmed';

  IF v_orders < v_requests THEN
    RETURN QUERY
    SELECT ask.request::integer, decided.outcome, decided.entry_seq, bought.order_id,
           bought.payment_reference, bought.confirmed_at_ms,
           line.sku, line.quantity, line.price_minor, line.currency
    FROM unnest(p_reservation_ids, p_created_seqs, v_decisions) WITH ORDINALITY
      AS ask (reservation_id, created_seq, decision, request)
    CROSS JOIN LATERAL (
      SELECT * FROM holdfast.outcome AS stored
      WHERE stored.reservation_id = ask.reservation_id AND stored.created_seq = ask.created_seq OFFSET 0
    ) AS decided
    LEFT JOIN LATERAL (
      SELECT * FROM holdfast.orders AS stored WHERE stored.order_id = decided.order_id OFFSET 0
    ) AS bought ON true
    LEFT JOIN LATERAL (
      SELECT * FROM holdfast.order_lines AS stored WHERE stored.order_id = decided.order_id OFFSET 0
    ) AS line ON true
    WHERE ask.decision IS DISTINCT FROM 'confirmed';
  END IF;
END
$$;
