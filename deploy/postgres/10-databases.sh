#!/bin/sh
# Two databases with an owner each: Airflow's metadata and the ledger, which outlives Airflow.
set -eu
for name in airflow ledger; do
    case "$name" in
        airflow) secret=$AIRFLOW_DB_PASSWORD ;;
        ledger) secret=$LEDGER_DB_PASSWORD ;;
    esac
    psql -v ON_ERROR_STOP=1 -v name="$name" -v secret="$secret" --username postgres <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'secret';
CREATE DATABASE :"name" OWNER :"name" ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
done

# Who only reads evidence: selects what the ledger's owner makes, and nothing else.
psql -v ON_ERROR_STOP=1 -v secret="$LEDGER_READER_PASSWORD" --username postgres --dbname ledger <<'SQL'
CREATE ROLE ledger_reader LOGIN PASSWORD :'secret';
GRANT CONNECT ON DATABASE ledger TO ledger_reader;
GRANT USAGE ON SCHEMA public TO ledger_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO ledger_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE ledger IN SCHEMA public GRANT SELECT ON TABLES TO ledger_reader;
SQL
