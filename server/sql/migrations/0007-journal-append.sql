-- The journal's writer, cheaper by a fifth: every row that ON CONFLICT watches over is written speculatively and confirmed by a
-- second record. Transitions that are there already are rare (a writer died between its commit and its trim, or there were
-- two): so the insert goes without it, and once more with it where that met one.

CREATE OR REPLACE FUNCTION holdfast.append_transitions(
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
  BEGIN
    INSERT INTO holdfast.journal
      (sale, source, epoch, seq, kind, at_ms, reservation_id, created_seq, customer, lines,
       ttl_seconds, deadline_ms, fingerprint)
    SELECT p_sale, 'r', moved.*
    FROM unnest(p_epochs, p_seqs, p_kinds, p_at_ms, p_reservation_ids, p_created_seqs, p_customers, p_lines,
                p_ttl_seconds, p_deadlines_ms, p_fingerprints) AS moved;
  EXCEPTION WHEN unique_violation THEN
    INSERT INTO holdfast.journal
      (sale, source, epoch, seq, kind, at_ms, reservation_id, created_seq, customer, lines,
       ttl_seconds, deadline_ms, fingerprint)
    SELECT p_sale, 'r', moved.*
    FROM unnest(p_epochs, p_seqs, p_kinds, p_at_ms, p_reservation_ids, p_created_seqs, p_customers, p_lines,
                p_ttl_seconds, p_deadlines_ms, p_fingerprints) AS moved
    ON CONFLICT (sale, source, epoch, seq) DO NOTHING;
  END;
END
$$;
