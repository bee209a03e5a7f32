-- Run once by the Postgres image, as superuser: the two roles that relaylog logs in with, and its database.
-- The owner migrates and projects; it is no superuser, so that row-level security can be forced upon it.
\getenv owner_password OWNER_PASSWORD
\getenv query_password QUERY_PASSWORD
CREATE ROLE relaylog LOGIN NOSUPERUSER CREATEROLE PASSWORD :'owner_password';
CREATE ROLE relaylog_api LOGIN NOSUPERUSER NOINHERIT PASSWORD :'query_password';
CREATE DATABASE relaylog OWNER relaylog;
REVOKE ALL ON DATABASE relaylog FROM PUBLIC;
GRANT CONNECT ON DATABASE relaylog TO relaylog_api;
