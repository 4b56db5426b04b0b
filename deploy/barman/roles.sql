-- Barman's two logins, made by a superuser in the books' database. Give each a password by
-- \password afterwards. Neither may read a table: the first asks and starts backups, the second
-- copies the server's files and its log.
CREATE ROLE barman LOGIN;
GRANT pg_monitor, pg_checkpoint TO barman;
GRANT EXECUTE ON FUNCTION
  pg_backup_start(text, boolean), pg_backup_stop(boolean), pg_switch_wal(), pg_create_restore_point(text)
  TO barman;
CREATE ROLE streaming_barman LOGIN REPLICATION;
