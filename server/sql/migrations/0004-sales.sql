-- What operators do: make a sale, add items, close it. Each is one call, all or nothing, with its l entries.

-- Gives the SKUs to the sale, or raises HF003 with the SKU that cannot be given as the error's detail: one that
-- another open sale has, or one named twice. Until it is closed a sale keeps its SKUs, also before and after its hours.
CREATE FUNCTION holdfast.claim_skus(p_sale integer, p_skus text[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  v_refused text;
BEGIN
  WITH claimed AS (
    INSERT INTO holdfast.open_sku (sku, sale)
    SELECT DISTINCT wanted.sku, p_sale FROM unnest(p_skus) AS wanted (sku) ORDER BY wanted.sku
    ON CONFLICT DO NOTHING
    RETURNING sku
  )
  SELECT wanted.sku INTO v_refused
  FROM (SELECT sku, count(*) AS times FROM unnest(p_skus) AS sku GROUP BY sku) AS wanted
  LEFT JOIN claimed ON claimed.sku = wanted.sku
  WHERE claimed.sku IS NULL OR wanted.times > 1
  ORDER BY wanted.sku
  LIMIT 1;
  IF v_refused IS NOT NULL THEN
    RAISE EXCEPTION 'a SKU is in use' USING ERRCODE = 'HF003', DETAIL = v_refused;
  END IF;
END
$$;

-- Writes the items and one item-added entry each, numbered after the sale's last entry; the caller holds the
-- sale's row. Answers the last entry.
CREATE FUNCTION holdfast.write_items(
  p_sale integer,
  p_operator text,
  p_skus text[],
  p_names text[],
  p_totals integer[],
  p_prices_minor bigint[],
  p_currencies text[],
  p_caps integer[]
) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  v_entry_seq bigint;
BEGIN
  SELECT entry_seq INTO v_entry_seq FROM holdfast.sale WHERE number = p_sale;
  PERFORM holdfast.claim_skus(p_sale, p_skus);
  INSERT INTO holdfast.item (sale, sku, name, total, price_minor, currency, max_per_customer)
  SELECT p_sale, added.* FROM unnest(p_skus, p_names, p_totals, p_prices_minor, p_currencies, p_caps) AS added;
  INSERT INTO holdfast.journal (sale, source, epoch, seq, kind, at_ms, lines, detail)
  SELECT p_sale, 'l', 0, v_entry_seq + added.number, 'item-added', holdfast.now_ms(), added.sku || '*' || added.total,
         jsonb_build_object('operator', p_operator, 'name', added.name, 'price_minor', added.price_minor,
                            'currency', added.currency, 'max_per_customer', added.cap)
  FROM unnest(p_skus, p_names, p_totals, p_prices_minor, p_currencies, p_caps) WITH ORDINALITY
    AS added (sku, name, total, price_minor, currency, cap, number);
  UPDATE holdfast.sale SET entry_seq = v_entry_seq + cardinality(p_skus) WHERE number = p_sale;
  RETURN v_entry_seq + cardinality(p_skus);
END
$$;

-- Answers the new sale, or nulls if the id is taken. Entry 1 is the settings, then one entry an item.
CREATE FUNCTION holdfast.create_sale(
  p_id text,
  p_name text,
  p_opens_at_ms bigint,
  p_closes_at_ms bigint,
  p_reservation_ttl_seconds integer,
  p_max_extensions integer,
  p_max_lifetime_seconds integer,
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
    (id, name, opens_at_ms, closes_at_ms, reservation_ttl_seconds, max_extensions, max_lifetime_seconds, created_at_ms,
     entry_seq)
  VALUES (p_id, p_name, p_opens_at_ms, p_closes_at_ms, p_reservation_ttl_seconds, p_max_extensions,
          p_max_lifetime_seconds, v_now_ms, 1)
  ON CONFLICT (id) DO NOTHING
  RETURNING number INTO v_number;
  IF v_number IS NULL THEN
    RETURN;
  END IF;
  INSERT INTO holdfast.journal (sale, source, epoch, seq, kind, at_ms, detail)
  VALUES (v_number, 'l', 0, 1, 'settings-changed', v_now_ms, jsonb_build_object(
    'operator', p_operator, 'name', p_name, 'opens_at_ms', p_opens_at_ms, 'closes_at_ms', p_closes_at_ms,
    'reservation_ttl_seconds', p_reservation_ttl_seconds, 'max_extensions', p_max_extensions,
    'max_lifetime_seconds', p_max_lifetime_seconds, 'closed', false));
  PERFORM holdfast.write_items(v_number, p_operator, p_skus, p_names, p_totals, p_prices_minor, p_currencies, p_caps);
  SELECT * INTO sale FROM holdfast.sale WHERE number = v_number;
END
$$;

-- `result` is added (with the sale as it then is), unknown-sale or sale-closed.
CREATE FUNCTION holdfast.add_items(
  p_sale_id text,
  p_operator text,
  p_skus text[],
  p_names text[],
  p_totals integer[],
  p_prices_minor bigint[],
  p_currencies text[],
  p_caps integer[],
  OUT result text,
  OUT sale holdfast.sale
)
LANGUAGE plpgsql AS $$
DECLARE
  v_known text;
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
  SELECT min(item.sku) INTO v_known FROM holdfast.item WHERE item.sale = sale.number AND item.sku = ANY (p_skus);
  IF v_known IS NOT NULL THEN
    RAISE EXCEPTION 'a SKU is in use' USING ERRCODE = 'HF003', DETAIL = v_known;
  END IF;
  sale.entry_seq := holdfast.write_items(
    sale.number, p_operator, p_skus, p_names, p_totals, p_prices_minor, p_currencies, p_caps);
  result := 'added';
END
$$;

-- Answers the closed sale, also when it was closed before; nulls if there is no such sale.
CREATE FUNCTION holdfast.close_sale(p_sale_id text, p_operator text, OUT sale holdfast.sale)
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM holdfast.require_durable_commit();
  SELECT * INTO sale FROM holdfast.sale WHERE id = p_sale_id FOR NO KEY UPDATE;
  IF NOT FOUND OR sale.closed_at_ms IS NOT NULL THEN
    RETURN;
  END IF;
  sale.closed_at_ms := holdfast.now_ms();
  sale.entry_seq := sale.entry_seq + 1;
  sale.closed_entry_seq := sale.entry_seq;
  INSERT INTO holdfast.journal (sale, source, epoch, seq, kind, at_ms, detail)
  VALUES (sale.number, 'l', 0, sale.entry_seq, 'closed', sale.closed_at_ms,
          jsonb_build_object('operator', p_operator));
  UPDATE holdfast.sale AS stored
  SET closed_at_ms = sale.closed_at_ms, entry_seq = sale.entry_seq, closed_entry_seq = sale.closed_entry_seq
  WHERE stored.number = sale.number;
  DELETE FROM holdfast.open_sku AS held WHERE held.sale = sale.number;
END
$$;
