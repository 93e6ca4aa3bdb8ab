-- Whoever lets so many reservations of a sale expire within so many minutes may not reserve in it for a while. The store counts;
-- here is what it counts to.
ALTER TABLE holdfast.sale
  ADD COLUMN cooldown_expirations integer CHECK (cooldown_expirations > 0),
  ADD COLUMN cooldown_minutes integer CHECK (cooldown_minutes > 0),
  ADD CONSTRAINT cooldown_is_whole CHECK ((cooldown_expirations IS NULL) = (cooldown_minutes IS NULL));

-- As entries say it; null: nobody is cooled down.
CREATE FUNCTION holdfast.cooldown(p_expirations integer, p_minutes integer) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN p_expirations IS NOT NULL
    THEN jsonb_build_object('expirations', p_expirations, 'minutes', p_minutes) END
$$;

-- With two parameters more than before: the older one goes, so that nobody makes a sale by it.
DROP FUNCTION holdfast.create_sale(
  text, text, bigint, bigint, integer, integer, integer, text, text[], text[], integer[], bigint[], text[], integer[]);

-- Answers the new sale, or nulls if the id is taken. Entry 1 is the settings, then one entry an item.
CREATE FUNCTION holdfast.create_sale(
  p_id text,
  p_name text,
  p_opens_at_ms bigint,
  p_closes_at_ms bigint,
  p_reservation_ttl_seconds integer,
  p_max_extensions integer,
  p_max_lifetime_seconds integer,
  p_cooldown_expirations integer,
  p_cooldown_minutes integer,
  p_operator text,
  p_skus text[],
  p_names text[],
  p_totals integer[],
  p_prices_minor bigint[],
  p_currencies text[],
  p_caps integer[],
  OUT sale holdfast.sale
)
LANGUAGE plpgsql AS $$
DECLARE
  v_number integer;
  v_now_ms bigint := holdfast.now_ms();
BEGIN
  PERFORM holdfast.require_durable_commit();
  INSERT INTO holdfast.sale
    (id, name, opens_at_ms, closes_at_ms, reservation_ttl_seconds, max_extensions, max_lifetime_seconds,
     cooldown_expirations, cooldown_minutes, created_at_ms, entry_seq)
  VALUES (p_id, p_name, p_opens_at_ms, p_closes_at_ms, p_reservation_ttl_seconds, p_max_extensions,
          p_max_lifetime_seconds, p_cooldown_expirations, p_cooldown_minutes, v_now_ms, 1)
  ON CONFLICT (id) DO NOTHING
  RETURNING number INTO v_number;
  IF v_number IS NULL THEN
    RETURN;
  END IF;
  INSERT INTO holdfast.journal (sale, source, epoch, seq, kind, at_ms, detail)
  VALUES (v_number, 'l', 0, 1, 'settings-changed', v_now_ms, jsonb_build_object(
    'operator', p_operator, 'name', p_name, 'opens_at_ms', p_opens_at_ms, 'closes_at_ms', p_closes_at_ms,
    'reservation_ttl_seconds', p_reservation_ttl_seconds, 'max_extensions', p_max_extensions,
    'max_lifetime_seconds', p_max_lifetime_seconds,
    'cooldown', holdfast.cooldown(p_cooldown_expirations, p_cooldown_minutes), 'closed', false));
  PERFORM holdfast.write_items(v_number, p_operator, p_skus, p_names, p_totals, p_prices_minor, p_currencies, p_caps);
  SELECT * INTO sale FROM holdfast.sale WHERE number = v_number;
END
$$;

-- Changes what `p_change` has a member for: name, opens_at_ms, closes_at_ms, reservation_ttl_seconds, max_extensions,
-- max_lifetime_seconds, cooldown. `result` is changed (also where all of it was so before: then nothing is written), unknown-sale,
-- sale-closed, closes-too-early or lives-too-short; with the sale as it then is.
CREATE OR REPLACE FUNCTION holdfast.change_sale(
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
    'max_lifetime_seconds', sale.max_lifetime_seconds,
    'cooldown', holdfast.cooldown(sale.cooldown_expirations, sale.cooldown_minutes));
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
  sale.cooldown_expirations := (v_after -> 'cooldown' ->> 'expirations')::integer;
  sale.cooldown_minutes := (v_after -> 'cooldown' ->> 'minutes')::integer;
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
      max_lifetime_seconds = sale.max_lifetime_seconds, cooldown_expirations = sale.cooldown_expirations,
      cooldown_minutes = sale.cooldown_minutes, entry_seq = sale.entry_seq, settings_seq = sale.settings_seq,
      earlier_ttl_seconds = sale.earlier_ttl_seconds
  WHERE stored.number = sale.number;
END
$$;

-- Replaced functions that write say it themselves (0011).
ALTER FUNCTION holdfast.create_sale SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION holdfast.change_sale SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
