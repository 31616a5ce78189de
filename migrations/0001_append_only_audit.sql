-- The trail is append-only. drizzle-kit drops triggers when it rebuilds a table: test/migrations asserts these at the end.
CREATE TRIGGER `audit_log_no_update` BEFORE UPDATE ON `audit_log`
BEGIN
  SELECT RAISE(ABORT, 'audit_log is append-only');
END;
--> statement-breakpoint
CREATE TRIGGER `audit_log_no_delete` BEFORE DELETE ON `audit_log`
BEGIN
  SELECT RAISE(ABORT, 'audit_log is append-only');
END;
--> statement-breakpoint
-- A row that exists is ignored: a batch sent twice changes nothing, and INSERT OR REPLACE cannot overwrite.
CREATE TRIGGER `audit_log_insert_once` BEFORE INSERT ON `audit_log`
WHEN EXISTS (
  SELECT 1 FROM `audit_log`
  WHERE (`workspace` = NEW.`workspace` AND `actor` = NEW.`actor` AND `seq` = NEW.`seq`) OR `id` = NEW.`id`
)
BEGIN
  SELECT RAISE(IGNORE);
END;
