-- The role that the service connects as. It owns nothing and may do nothing yet: `holdfast migrate --service-role` grants it what
-- it needs, as the owner of the ledger. Run once as an administrator, with psql, in the ledger's database:
--
--   POSTGRES_SERVICE_PASSWORD=… psql --dbname=holdfast --file=service-role.sql
--
-- In deploy/compose.yml PostgreSQL runs it when its volume is made.
\getenv password POSTGRES_SERVICE_PASSWORD
CREATE ROLE holdfast_service LOGIN PASSWORD :'password';
-- Not even temporary tables.
REVOKE ALL ON DATABASE holdfast FROM PUBLIC;
GRANT CONNECT ON DATABASE holdfast TO holdfast_service;
