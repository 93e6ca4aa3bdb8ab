-- The ledger: who has bought, how much there is to buy, and every transition on record.
--
-- Names: a sale's `number` is its place in every key and id. `r` transitions are numbered by the stock store,
-- `l` entries by the ledger (gaplessly, under the sale's row lock). Ids and customer keys are their 16 raw bytes.
-- Times are epoch milliseconds, so that what the stock store's clock said comes back exactly.
--
-- Locking: every transaction that writes an outcome or an l entry locks the sale's row first. With that
-- there is one writer a sale, and no foreign keys are needed on the hot tables: each would cost a look-up a row.

CREATE TABLE holdfast.secret (
  name text PRIMARY KEY,
  value bytea NOT NULL
);

CREATE TABLE holdfast.sale (
  number integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  id text COLLATE "C" NOT NULL UNIQUE,
  name text NOT NULL,
  opens_at_ms bigint,
  closes_at_ms bigint,
  reservation_ttl_seconds integer NOT NULL CHECK (reservation_ttl_seconds > 0),
  -- How often a customer may extend a reservation, and how long one may live in all.
  max_extensions integer NOT NULL CHECK (max_extensions >= 0),
  max_lifetime_seconds integer NOT NULL CHECK (max_lifetime_seconds >= reservation_ttl_seconds),
  created_at_ms bigint NOT NULL,
  closed_at_ms bigint,
  -- The entry that closed it.
  closed_entry_seq bigint,
  -- Who may grant: only the holder of this epoch, and only the store named by the lineage.
  epoch integer NOT NULL DEFAULT 0,
  lineage text,
  -- The last l entry.
  entry_seq bigint NOT NULL DEFAULT 0,
  -- Closed and no longer kept in the stock store.
  unloaded boolean NOT NULL DEFAULT false,
  CHECK (NOT unloaded OR closed_at_ms IS NOT NULL)
) WITH (fillfactor = 50); -- The row changes with every batch: room on its page keeps the updates heap-only.

CREATE TABLE holdfast.epoch_end (
  sale integer NOT NULL REFERENCES holdfast.sale,
  epoch integer NOT NULL,
  -- The last r transition in the journal when the epoch ended.
  end_seq bigint NOT NULL,
  -- Whether a store was ever recorded as its holder: an epoch that was begun and never granted made no history.
  granted boolean NOT NULL,
  ended_at_ms bigint NOT NULL,
  PRIMARY KEY (sale, epoch)
);

CREATE TABLE holdfast.item (
  sale integer NOT NULL REFERENCES holdfast.sale,
  sku text COLLATE "C" NOT NULL,
  name text NOT NULL,
  total integer NOT NULL,
  sold integer NOT NULL DEFAULT 0,
  price_minor bigint,
  currency text,
  max_per_customer integer CHECK (max_per_customer > 0),
  PRIMARY KEY (sale, sku),
  CONSTRAINT never_oversold CHECK (0 <= sold AND sold <= total),
  CONSTRAINT total_is_bounded CHECK (total <= 100000000),
  CHECK ((price_minor IS NULL) = (currency IS NULL)),
  CHECK (price_minor >= 0)
) WITH (fillfactor = 50);

CREATE INDEX item_by_sku ON holdfast.item (sku, sale);

-- A SKU is in one open sale at a time.
CREATE TABLE holdfast.open_sku (
  sku text COLLATE "C" PRIMARY KEY,
  sale integer NOT NULL REFERENCES holdfast.sale
);

-- The only place that knows which customer a key stands for. Erasing a row leaves the journal intact.
CREATE TABLE holdfast.customer (
  key bytea PRIMARY KEY,
  sub text NOT NULL
);

-- What a customer has bought, for the cap.
CREATE TABLE holdfast.customer_item (
  sale integer NOT NULL,
  customer bytea NOT NULL,
  sku text COLLATE "C" NOT NULL,
  quantity integer NOT NULL CHECK (quantity >= 0),
  PRIMARY KEY (sale, customer, sku)
);

-- The decision register: the first writer wins.
CREATE TABLE holdfast.outcome (
  reservation_id bytea NOT NULL,
  created_seq bigint NOT NULL,
  sale integer NOT NULL,
  outcome text NOT NULL CHECK (outcome IN ('confirmed', 'refused', 'expired', 'released')),
  -- The l entry that decided it, and when.
  entry_seq bigint NOT NULL,
  at_ms bigint NOT NULL,
  order_id bytea,
  PRIMARY KEY (reservation_id, created_seq),
  CHECK ((outcome = 'confirmed') = (order_id IS NOT NULL))
);

CREATE TABLE holdfast.orders (
  order_id bytea PRIMARY KEY,
  sale integer NOT NULL,
  reservation_id bytea NOT NULL,
  created_seq bigint NOT NULL,
  customer bytea NOT NULL,
  payment_reference text,
  confirmed_at_ms bigint NOT NULL
);

-- The time is not in it: a customer has few orders, and they are sorted when they are asked for.
CREATE INDEX orders_by_customer ON holdfast.orders (customer);

CREATE TABLE holdfast.order_lines (
  order_id bytea NOT NULL,
  sku text COLLATE "C" NOT NULL,
  quantity integer NOT NULL CHECK (quantity > 0),
  price_minor bigint,
  currency text,
  PRIMARY KEY (order_id, sku)
);

-- Every transition, movement and operator action, append-only. `lines` is `SKU*quantity,…` everywhere: of a
-- reservation its lines, of an item-added entry the stock that came in. So the sums of movements are in one column.
CREATE TABLE holdfast.journal (
  sale integer NOT NULL,
  source "char" NOT NULL CHECK (source IN ('r', 'l')),
  epoch integer NOT NULL,
  seq bigint NOT NULL,
  kind text NOT NULL,
  at_ms bigint NOT NULL,
  reservation_id bytea,
  created_seq bigint,
  customer bytea,
  lines text,
  -- Of r transitions: what makes the reservation's record rebuildable.
  ttl_seconds integer,
  deadline_ms bigint,
  fingerprint text,
  -- Of operator actions: who, and what else was set.
  detail jsonb,
  PRIMARY KEY (sale, source, epoch, seq),
  CHECK (source = 'r' OR epoch = 0)
);

-- What the stock store said of a reservation. The ledger's own word on it is found through the register.
CREATE INDEX journal_by_reservation ON holdfast.journal (reservation_id) WHERE source = 'r';

-- A customer's reservations: one row each, where its transitions begin.
CREATE INDEX journal_by_customer ON holdfast.journal (customer) WHERE kind = 'reserved';

-- Which process does the work that only one should do.
CREATE TABLE holdfast.turn (
  name text PRIMARY KEY,
  holder text NOT NULL,
  until_ms bigint NOT NULL
);

CREATE FUNCTION holdfast.now_ms() RETURNS bigint
LANGUAGE sql VOLATILE AS $$
  SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint
$$;

-- The lines of a packed word, `A-1*2,B-2*1`, in order.
CREATE FUNCTION holdfast.unpack_lines(p_lines text) RETURNS TABLE (sku text, quantity integer)
LANGUAGE sql IMMUTABLE AS $$
  SELECT split_part(word, '*', 1) COLLATE "C", split_part(word, '*', 2)::integer
  FROM string_to_table(p_lines, ',') AS word
$$;

-- The last transition number of a sale. One look-up an epoch, because the key has the epoch before the number.
CREATE FUNCTION holdfast.last_transition(p_sale integer) RETURNS bigint
LANGUAGE sql STABLE AS $$
  SELECT coalesce(max(last.seq), 0)
  FROM generate_series(0, (SELECT epoch FROM holdfast.sale WHERE number = p_sale)) AS held(epoch)
  CROSS JOIN LATERAL (
    SELECT max(journal.seq) AS seq FROM holdfast.journal
    WHERE journal.sale = p_sale AND journal.source = 'r' AND journal.epoch = held.epoch
  ) AS last
$$;

-- Called first by everything that decides: a COMMIT counts only once it is on disk, whatever this database's default.
CREATE FUNCTION holdfast.require_durable_commit() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('synchronous_commit') NOT IN ('on', 'remote_apply') THEN
    PERFORM set_config('synchronous_commit', 'on', true);
  END IF;
END
$$;
