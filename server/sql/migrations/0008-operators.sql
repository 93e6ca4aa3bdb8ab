-- What operators change and find: settings of a sale, releases on a customer's behalf, the journal by time.

-- The l entry that set what the sale has now; 0: as it was made. Processes that keep the sale in memory compare it.
ALTER TABLE holdfast.sale ADD COLUMN settings_seq bigint NOT NULL DEFAULT 0;
-- Times that reservations were granted before: a request that is repeated meant the time of its day.
ALTER TABLE holdfast.sale ADD COLUMN earlier_ttl_seconds integer[] NOT NULL DEFAULT '{}';

-- Newest first, over all sales. Rows come in the order of their times, so that an insert meets the last page.
CREATE INDEX journal_by_time ON holdfast.journal (at_ms);

-- Releases that operators asked for. Their entries name the reservation in `detail` only: in the columns an l entry that
-- has a reservation is a decision about it, which the register has as well.
CREATE INDEX journal_operator_releases ON holdfast.journal ((detail ->> 'reservation')) WHERE kind = 'operator-release';

-- Changes what `p_change` has a member for: name, opens_at_ms, closes_at_ms, reservation_ttl_seconds, max_extensions,
-- max_lifetime_seconds. `result` is changed (also where all of it was so before: then nothing is written), unknown-sale,
-- sale-closed, closes-too-early or lives-too-short; with the sale as it then is.
CREATE FUNCTION holdfast.change_sale(
  p_sale_id text,
  p_operator text,
  p_change jsonb,
  OUT result text,
  OUT sale holdfast.sale
)
LANGUAGE plpgsql AS $$
DECLARE
  v_before jsonb;
  v_after jsonb;
  v_changed jsonb;
  v_ttl_before integer;
BEGIN
  PERFORM holdfast.require_durable_commit();
  SELECT * INTO sale FROM holdfast.sale WHERE id = p_sale_id FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    result := 'unknown-sale';
    RETURN;
  END IF;
  IF sale.closed_at_ms IS NOT NULL THEN
    result := 'sale-closed';
    RETURN;
  END IF;
  v_ttl_before := sale.reservation_ttl_seconds;
  v_before := jsonb_build_object(
    'name', sale.name, 'opens_at_ms', sale.opens_at_ms, 'closes_at_ms', sale.closes_at_ms,
    'reservation_ttl_seconds', sale.reservation_ttl_seconds, 'max_extensions', sale.max_extensions,
    'max_lifetime_seconds', sale.max_lifetime_seconds);
  v_after := v_before || p_change;
  result := CASE
    WHEN (v_after ->> 'opens_at_ms')::bigint >= (v_after ->> 'closes_at_ms')::bigint THEN 'closes-too-early'
    WHEN (v_after ->> 'reservation_ttl_seconds')::integer > (v_after ->> 'max_lifetime_seconds')::integer
      THEN 'lives-too-short'
    ELSE 'changed'
  END;
  SELECT coalesce(jsonb_object_agg(key, value), '{}') INTO v_changed
  FROM jsonb_each(v_before) WHERE value IS DISTINCT FROM v_after -> key;
  IF result <> 'changed' OR v_changed = '{}' THEN
    RETURN;
  END IF;

  sale.name := v_after ->> 'name';
  sale.opens_at_ms := (v_after ->> 'opens_at_ms')::bigint;
  sale.closes_at_ms := (v_after ->> 'closes_at_ms')::bigint;
  sale.reservation_ttl_seconds := (v_after ->> 'reservation_ttl_seconds')::integer;
  sale.max_extensions := (v_after ->> 'max_extensions')::integer;
  sale.max_lifetime_seconds := (v_after ->> 'max_lifetime_seconds')::integer;
  sale.entry_seq := sale.entry_seq + 1;
  sale.settings_seq := sale.entry_seq;
  -- The last twenty: a request is repeated within minutes, and nobody changes the time that often meanwhile.
  IF sale.reservation_ttl_seconds <> v_ttl_before THEN
    sale.earlier_ttl_seconds := (
      v_ttl_before || array_remove(array_remove(sale.earlier_ttl_seconds, v_ttl_before), sale.reservation_ttl_seconds)
    )[1:20];
  END IF;
  INSERT INTO holdfast.journal (sale, source, epoch, seq, kind, at_ms, detail)
  VALUES (sale.number, 'l', 0, sale.entry_seq, 'settings-changed', holdfast.now_ms(),
          v_after || jsonb_build_object('operator', p_operator, 'closed', false, 'before', v_changed));
  UPDATE holdfast.sale AS stored
  SET name = sale.name, opens_at_ms = sale.opens_at_ms, closes_at_ms = sale.closes_at_ms,
      reservation_ttl_seconds = sale.reservation_ttl_seconds, max_extensions = sale.max_extensions,
      max_lifetime_seconds = sale.max_lifetime_seconds, entry_seq = sale.entry_seq, settings_seq = sale.settings_seq,
      earlier_ttl_seconds = sale.earlier_ttl_seconds
  WHERE stored.number = sale.number;
END
$$;

-- Puts on record that an operator is about to have this life of a reservation released, and why: before the store is
-- asked, so that no release is without its reason. It moves nothing; what became of it is the store's word, the
-- `released` that follows or not. The same operator with the same reason again is one entry.
CREATE FUNCTION holdfast.record_operator_release(
  p_sale integer,
  p_reservation_id bytea,
  p_created_seq bigint,
  p_operator text,
  p_reason text
) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  v_entry_seq bigint;
BEGIN
  PERFORM holdfast.require_durable_commit();
  SELECT entry_seq + 1 INTO v_entry_seq FROM holdfast.sale WHERE number = p_sale FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the ledger has no sale %', p_sale USING ERRCODE = 'HF002';
  END IF;
  IF EXISTS (
    SELECT FROM holdfast.journal
    WHERE kind = 'operator-release' AND detail ->> 'reservation' = encode(p_reservation_id, 'hex')
      AND (detail ->> 'created_seq')::bigint = p_created_seq
      AND detail ->> 'operator' = p_operator AND detail ->> 'reason' = p_reason
  ) THEN
    RETURN;
  END IF;
  INSERT INTO holdfast.journal (sale, source, epoch, seq, kind, at_ms, detail)
  VALUES (p_sale, 'l', 0, v_entry_seq, 'operator-release', holdfast.now_ms(), jsonb_build_object(
    'operator', p_operator, 'reason', p_reason, 'reservation', encode(p_reservation_id, 'hex'),
    'created_seq', p_created_seq));
  UPDATE holdfast.sale SET entry_seq = v_entry_seq WHERE number = p_sale;
END
$$;
