-- Rows that were retired to a file (docs/design/retention.md) may be deleted: those at or below the mark of their chain, no other.
-- A mark is no proof: where a chain begins is known to the ledger, so that rows deleted behind its back are still found missing.
DROP TRIGGER `audit_log_no_delete`;
--> statement-breakpoint
CREATE TRIGGER `audit_log_no_delete` BEFORE DELETE ON `audit_log`
WHEN NOT EXISTS (
  SELECT 1 FROM `audit_retained`
  WHERE `workspace` = OLD.`workspace` AND `actor` = OLD.`actor` AND `seq` >= OLD.`seq`
)
BEGIN
  SELECT RAISE(ABORT, 'audit_log is append-only');
END;
