-- A ledger may belong to one role and be used by another: the owner migrates, the service does what src/ledger/service-role.ts
-- grants it. So that nothing is written but by the rules, the functions that write run with the rights of their owner, and the
-- service has none of its own on the tables they write: whoever takes over its connection can neither rewrite the journal nor
-- sell a unit twice with an UPDATE of `sold`. The path is fixed, so that nobody brings a function or a type of their own under
-- a name that is used here. Measured: some 3 µs a call, where a batch takes hundreds or thousands.
--
-- CREATE OR REPLACE takes both away again: a migration that replaces one of these has to say SECURITY DEFINER SET search_path
-- itself (the-service-cannot-rewrite-the-journal.test.ts looks at every function).

-- Roles that were granted the service's rights: every migration grants them again.
CREATE TABLE holdfast.service_role (
  name text PRIMARY KEY
);

ALTER FUNCTION holdfast.append_transitions SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION holdfast.begin_epoch SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION holdfast.confirm_batch SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION holdfast.resolve_expired SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION holdfast.create_sale SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION holdfast.change_sale SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION holdfast.close_sale SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION holdfast.add_items SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION holdfast.change_stock SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION holdfast.refuse_stock_operation SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION holdfast.record_operator_release SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION holdfast.summarise SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION holdfast.end_activity SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION holdfast.note_attempts SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION holdfast.note_latencies SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION holdfast.purge_activity SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
