-- Stock changes by operators (protocols §5). Units that come in are written here first and reach the store as an
-- entry. Units that go out were set aside in the store before, under an operation id: this decides whether they go,
-- once, by the register of operations; the first writer wins, so that a process that was stopped cannot take out
-- later what was given back meanwhile.

-- One attempt to take units out.
CREATE TABLE holdfast.stock_operation (
  id bytea PRIMARY KEY,
  sale integer NOT NULL,
  outcome text NOT NULL CHECK (outcome IN ('applied', 'refused')),
  at_ms bigint NOT NULL
);

-- One change, by its idempotency key: what a repeated request is answered with.
CREATE TABLE holdfast.stock_change (
  -- A keyed hash of operator and idempotency key.
  key bytea PRIMARY KEY,
  fingerprint text NOT NULL,
  sale integer NOT NULL,
  sku text COLLATE "C" NOT NULL,
  delta integer NOT NULL CHECK (delta <> 0),
  total_before integer NOT NULL,
  total integer NOT NULL,
  reason text NOT NULL,
  reference text,
  operator text NOT NULL,
  at_ms bigint NOT NULL,
  entry_seq bigint NOT NULL,
  CHECK (total = total_before + delta)
);

-- Writes `refused` unless the operation was decided before; answers what stands. Called by whoever is about to give
-- the units back, and by change_stock for an operation that takes nothing out.
CREATE FUNCTION holdfast.refuse_stock_operation(p_sale integer, p_operation bytea) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
  v_outcome text;
BEGIN
  PERFORM holdfast.require_durable_commit();
  PERFORM 1 FROM holdfast.sale WHERE number = p_sale FOR NO KEY UPDATE;
  INSERT INTO holdfast.stock_operation (id, sale, outcome, at_ms)
  VALUES (p_operation, p_sale, 'refused', holdfast.now_ms())
  ON CONFLICT DO NOTHING;
  SELECT outcome INTO v_outcome FROM holdfast.stock_operation WHERE id = p_operation;
  RETURN v_outcome;
END
$$;

-- `result`: changed | replayed (with the change as stored), key-reused, sale-closed, unknown-sku, stale-total,
-- stock-in-use, too-much (with the item's total and sold as they are), refused (this operation was, before).
-- Whatever is not `changed` leaves an operation refused for good.
CREATE FUNCTION holdfast.change_stock(
  p_sale integer,
  p_epoch integer,
  p_operation bytea, -- null where units come in
  p_key bytea,
  p_fingerprint text,
  p_sku text,
  p_delta integer,
  p_expected_total integer,
  p_reason text,
  p_reference text,
  p_operator text,
  OUT result text,
  OUT item_total integer,
  OUT item_sold integer,
  OUT change holdfast.stock_change
)
LANGUAGE plpgsql AS $$
DECLARE
  v_entry_seq bigint := holdfast.lock_sale_for_decision(p_sale, p_epoch) + 1;
  v_now_ms bigint := holdfast.now_ms();
  v_closed boolean;
BEGIN
  SELECT closed_at_ms IS NOT NULL INTO v_closed FROM holdfast.sale WHERE number = p_sale;
  SELECT * INTO change FROM holdfast.stock_change WHERE key = p_key;
  SELECT total, sold INTO item_total, item_sold FROM holdfast.item
  WHERE sale = p_sale AND sku = p_sku FOR NO KEY UPDATE;

  result := CASE
    WHEN change.key IS NOT NULL AND change.fingerprint = p_fingerprint THEN 'replayed'
    WHEN change.key IS NOT NULL THEN 'key-reused'
    WHEN v_closed THEN 'sale-closed'
    WHEN item_total IS NULL THEN 'unknown-sku'
    WHEN EXISTS (SELECT FROM holdfast.stock_operation WHERE id = p_operation) THEN 'refused'
    WHEN p_expected_total <> item_total THEN 'stale-total'
    WHEN item_total + p_delta < item_sold THEN 'stock-in-use'
    WHEN item_total::bigint + p_delta > 100000000 THEN 'too-much'
    ELSE 'changed'
  END;
  IF result <> 'changed' THEN
    IF p_operation IS NOT NULL THEN
      PERFORM holdfast.refuse_stock_operation(p_sale, p_operation);
    END IF;
    RETURN;
  END IF;

  INSERT INTO holdfast.stock_change
    (key, fingerprint, sale, sku, delta, total_before, total, reason, reference, operator, at_ms, entry_seq)
  VALUES (p_key, p_fingerprint, p_sale, p_sku, p_delta, item_total, item_total + p_delta, p_reason, p_reference,
          p_operator, v_now_ms, v_entry_seq)
  RETURNING * INTO change;
  IF p_operation IS NOT NULL THEN
    INSERT INTO holdfast.stock_operation (id, sale, outcome, at_ms) VALUES (p_operation, p_sale, 'applied', v_now_ms);
  END IF;
  UPDATE holdfast.item SET total = change.total WHERE sale = p_sale AND sku = p_sku;
  INSERT INTO holdfast.journal (sale, source, epoch, seq, kind, at_ms, lines, detail)
  VALUES (p_sale, 'l', 0, v_entry_seq, 'stock-changed', v_now_ms, p_sku || '*' || p_delta, jsonb_build_object(
    'operator', p_operator, 'reason', p_reason, 'reference', p_reference, 'total_before', change.total_before,
    'total', change.total, 'operation', encode(p_operation, 'hex')));
  UPDATE holdfast.sale SET entry_seq = v_entry_seq WHERE number = p_sale;
  item_total := change.total;
END
$$;
