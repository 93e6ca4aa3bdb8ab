-- The journal, sealed: a hash chain beside it, for every sale and source, that any changed, missing or inserted row breaks.
--
-- A seal covers one run of numbers of one epoch: all of its rows, or a gap (row_count 0), numbers that were never
-- journaled and never will be. Its hash is over the hash before it, its own header and its rows; the form of the bytes is
-- in src/domain/journal-chain.ts. The sealer only reads the journal and adds rows here: it locks nothing that a
-- reservation or a confirmation waits for.

CREATE TABLE holdfast.seal (
  -- 0: what the ledger journals of no sale.
  sale integer NOT NULL,
  source "char" NOT NULL CHECK (source IN ('r', 'l')),
  -- 1, 2, 3 … in each chain. The key is what keeps two sealers from forking it.
  position integer NOT NULL CHECK (position > 0),
  epoch integer NOT NULL,
  from_seq bigint NOT NULL,
  to_seq bigint NOT NULL,
  row_count integer NOT NULL,
  sealed_at_ms bigint NOT NULL,
  -- The first 8 bytes of each row's digest: they tell which row of a broken seal was changed.
  marks bytea NOT NULL,
  -- The hash of the seal before; zeros in the first.
  previous bytea NOT NULL CHECK (octet_length(previous) = 32),
  hash bytea NOT NULL CHECK (octet_length(hash) = 32),
  PRIMARY KEY (sale, source, position),
  CHECK (from_seq <= to_seq),
  CHECK (row_count = 0 OR row_count = to_seq - from_seq + 1),
  CHECK (octet_length(marks) = 8 * row_count)
);

-- The last epoch that a store was ever granted; null if none was. Every epoch before it is complete: what its store
-- had left was journaled before this one's grant, and its writers are fenced.
CREATE FUNCTION holdfast.last_granted_epoch(p_sale integer) RETURNS integer
LANGUAGE sql STABLE AS $$
  SELECT max(held.epoch)
  FROM (
    SELECT sale.epoch FROM holdfast.sale WHERE sale.number = p_sale AND sale.lineage IS NOT NULL
    UNION ALL
    SELECT ended.epoch FROM holdfast.epoch_end AS ended WHERE ended.sale = p_sale AND ended.granted
  ) AS held
$$;

-- What is written in the journal stays. Statement triggers of these kinds cost an INSERT nothing.
CREATE FUNCTION holdfast.refuse_rewriting() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'holdfast.% is append-only: its rows are neither changed nor removed', TG_TABLE_NAME
    USING ERRCODE = 'HF004', HINT = 'A mistake is put right by a further entry.';
END
$$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON holdfast.journal
FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_rewriting();

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON holdfast.seal
FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_rewriting();

-- Erases which customer a key stands for, and journals that it was done: under sale 0, because a customer is of no one
-- sale. Answers the number of keys erased: 0 if the customer is not known, or no longer.
CREATE FUNCTION holdfast.forget_customer(p_sub text, p_operator text) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
  v_entry_seq bigint;
  v_erased integer;
BEGIN
  PERFORM holdfast.require_durable_commit();
  -- Sale 0 has no row to lock; its entries are gapless all the same.
  PERFORM pg_advisory_xact_lock(4744706, 0);
  SELECT coalesce(max(seq), 0) INTO v_entry_seq
  FROM holdfast.journal WHERE sale = 0 AND source = 'l' AND epoch = 0;
  WITH erased AS (
    DELETE FROM holdfast.customer WHERE sub = p_sub RETURNING key
  ), journaled AS (
    INSERT INTO holdfast.journal (sale, source, epoch, seq, kind, at_ms, customer, detail)
    SELECT 0, 'l', 0, v_entry_seq + row_number() OVER (ORDER BY key), 'customer-forgotten', holdfast.now_ms(), key,
           jsonb_build_object('operator', p_operator)
    FROM erased
    RETURNING 1
  )
  SELECT count(*) INTO v_erased FROM journaled;
  RETURN v_erased;
END
$$;
