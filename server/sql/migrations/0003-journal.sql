-- The journal's writer and the epochs that fence it.

-- Appends transitions of one sale, ignoring those already there. `p_epoch` is the epoch of the caller's lease;
-- each transition keeps the epoch under which it happened, because a rebuilder drains what older epochs left.
CREATE FUNCTION holdfast.append_transitions(
  p_sale integer,
  p_epoch integer,
  p_epochs integer[],
  p_seqs bigint[],
  p_kinds text[],
  p_at_ms bigint[],
  p_reservation_ids bytea[],
  p_created_seqs bigint[],
  p_customers bytea[],
  p_lines text[],
  p_ttl_seconds integer[],
  p_deadlines_ms bigint[],
  p_fingerprints text[]
) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM holdfast.require_durable_commit();
  -- Waits for a new epoch that is being committed (FOR UPDATE), never for confirmations (FOR NO KEY UPDATE).
  PERFORM 1 FROM holdfast.sale WHERE number = p_sale AND epoch = p_epoch FOR KEY SHARE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'sale % is not held by epoch %', p_sale, p_epoch USING ERRCODE = 'HF001';
  END IF;
  INSERT INTO holdfast.journal
    (sale, source, epoch, seq, kind, at_ms, reservation_id, created_seq, customer, lines,
     ttl_seconds, deadline_ms, fingerprint)
  SELECT p_sale, 'r', moved.*
  FROM unnest(p_epochs, p_seqs, p_kinds, p_at_ms, p_reservation_ids, p_created_seqs, p_customers, p_lines,
              p_ttl_seconds, p_deadlines_ms, p_fingerprints) AS moved
  ON CONFLICT (sale, source, epoch, seq) DO NOTHING;
END
$$;

-- Ends the sale's epoch and begins the next. Answers every epoch that has ended, the one just ended included.
-- FOR UPDATE: waits until no decision and no append of the old epoch is under way; those that come later read
-- the new epoch and are refused.
CREATE FUNCTION holdfast.begin_epoch(p_sale integer) RETURNS TABLE (epoch integer, end_seq bigint, granted boolean)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_sale record;
BEGIN
  PERFORM holdfast.require_durable_commit();
  SELECT sale.epoch, sale.lineage INTO v_sale FROM holdfast.sale WHERE sale.number = p_sale FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the ledger has no sale %', p_sale USING ERRCODE = 'HF002';
  END IF;
  INSERT INTO holdfast.epoch_end (sale, epoch, end_seq, granted, ended_at_ms)
  VALUES (p_sale, v_sale.epoch, holdfast.last_transition(p_sale), v_sale.lineage IS NOT NULL, holdfast.now_ms());
  UPDATE holdfast.sale SET epoch = v_sale.epoch + 1, lineage = NULL WHERE sale.number = p_sale;
  RETURN QUERY
  SELECT ended.epoch, ended.end_seq, ended.granted FROM holdfast.epoch_end AS ended WHERE ended.sale = p_sale;
END
$$;
