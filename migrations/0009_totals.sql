CREATE TABLE `totals` (
	`workspace` text NOT NULL,
	`list` text NOT NULL,
	`value` text NOT NULL,
	`rows` integer NOT NULL,
	PRIMARY KEY(`workspace`, `list`, `value`)
);
--> statement-breakpoint
CREATE INDEX `approvals_decided` ON `approvals` (`workspace`,`responded_at`,`created_at`) WHERE "responded_at" IS NOT NULL AND "status" <> 'DELEGATED';--> statement-breakpoint
-- Totals are kept by triggers (docs/design/totals.md). The first count comes last and overwrites what these began, so that no row falls in between.
-- drizzle-kit drops triggers when it rebuilds a table: src/audit/migrations.worker.test.ts asserts them.
CREATE TRIGGER `tasks_total_insert` AFTER INSERT ON `tasks`
BEGIN
  INSERT INTO `totals` VALUES (NEW.`workspace`, 'tasks', NEW.`state`, 1)
  ON CONFLICT DO UPDATE SET `rows` = `rows` + 1;
END;
--> statement-breakpoint
CREATE TRIGGER `tasks_total_update` AFTER UPDATE OF `state` ON `tasks`
WHEN NEW.`state` IS NOT OLD.`state`
BEGIN
  UPDATE `totals` SET `rows` = `rows` - 1
  WHERE `workspace` = OLD.`workspace` AND `list` = 'tasks' AND `value` = OLD.`state`;
  INSERT INTO `totals` VALUES (NEW.`workspace`, 'tasks', NEW.`state`, 1)
  ON CONFLICT DO UPDATE SET `rows` = `rows` + 1;
END;
--> statement-breakpoint
CREATE TRIGGER `tasks_total_delete` AFTER DELETE ON `tasks`
BEGIN
  UPDATE `totals` SET `rows` = `rows` - 1
  WHERE `workspace` = OLD.`workspace` AND `list` = 'tasks' AND `value` = OLD.`state`;
END;
--> statement-breakpoint
CREATE TRIGGER `approvals_total_insert` AFTER INSERT ON `approvals`
BEGIN
  INSERT INTO `totals` VALUES (NEW.`workspace`, 'approvals', NEW.`status`, 1)
  ON CONFLICT DO UPDATE SET `rows` = `rows` + 1;
END;
--> statement-breakpoint
CREATE TRIGGER `approvals_total_update` AFTER UPDATE OF `status` ON `approvals`
WHEN NEW.`status` IS NOT OLD.`status`
BEGIN
  UPDATE `totals` SET `rows` = `rows` - 1
  WHERE `workspace` = OLD.`workspace` AND `list` = 'approvals' AND `value` = OLD.`status`;
  INSERT INTO `totals` VALUES (NEW.`workspace`, 'approvals', NEW.`status`, 1)
  ON CONFLICT DO UPDATE SET `rows` = `rows` + 1;
END;
--> statement-breakpoint
CREATE TRIGGER `approvals_total_delete` AFTER DELETE ON `approvals`
BEGIN
  UPDATE `totals` SET `rows` = `rows` - 1
  WHERE `workspace` = OLD.`workspace` AND `list` = 'approvals' AND `value` = OLD.`status`;
END;
--> statement-breakpoint
CREATE TRIGGER `locks_total_insert` AFTER INSERT ON `locks`
BEGIN
  INSERT INTO `totals` VALUES (NEW.`workspace`, 'locks', NEW.`status`, 1)
  ON CONFLICT DO UPDATE SET `rows` = `rows` + 1;
END;
--> statement-breakpoint
CREATE TRIGGER `locks_total_update` AFTER UPDATE OF `status` ON `locks`
WHEN NEW.`status` IS NOT OLD.`status`
BEGIN
  UPDATE `totals` SET `rows` = `rows` - 1
  WHERE `workspace` = OLD.`workspace` AND `list` = 'locks' AND `value` = OLD.`status`;
  INSERT INTO `totals` VALUES (NEW.`workspace`, 'locks', NEW.`status`, 1)
  ON CONFLICT DO UPDATE SET `rows` = `rows` + 1;
END;
--> statement-breakpoint
CREATE TRIGGER `locks_total_delete` AFTER DELETE ON `locks`
BEGIN
  UPDATE `totals` SET `rows` = `rows` - 1
  WHERE `workspace` = OLD.`workspace` AND `list` = 'locks' AND `value` = OLD.`status`;
END;
--> statement-breakpoint
CREATE TRIGGER `executions_total_insert` AFTER INSERT ON `executions`
BEGIN
  INSERT INTO `totals` VALUES (NEW.`workspace`, 'executions', coalesce(NEW.`result`, ''), 1)
  ON CONFLICT DO UPDATE SET `rows` = `rows` + 1;
END;
--> statement-breakpoint
CREATE TRIGGER `executions_total_update` AFTER UPDATE OF `result` ON `executions`
WHEN NEW.`result` IS NOT OLD.`result`
BEGIN
  UPDATE `totals` SET `rows` = `rows` - 1
  WHERE `workspace` = OLD.`workspace` AND `list` = 'executions' AND `value` = coalesce(OLD.`result`, '');
  INSERT INTO `totals` VALUES (NEW.`workspace`, 'executions', coalesce(NEW.`result`, ''), 1)
  ON CONFLICT DO UPDATE SET `rows` = `rows` + 1;
END;
--> statement-breakpoint
CREATE TRIGGER `executions_total_delete` AFTER DELETE ON `executions`
BEGIN
  UPDATE `totals` SET `rows` = `rows` - 1
  WHERE `workspace` = OLD.`workspace` AND `list` = 'executions' AND `value` = coalesce(OLD.`result`, '');
END;
--> statement-breakpoint
CREATE TRIGGER `audit_log_total_insert` AFTER INSERT ON `audit_log`
BEGIN
  INSERT INTO `totals` VALUES (NEW.`workspace`, 'audit_log', NEW.`action`, 1)
  ON CONFLICT DO UPDATE SET `rows` = `rows` + 1;
END;
--> statement-breakpoint
CREATE TRIGGER `audit_log_total_delete` AFTER DELETE ON `audit_log`
BEGIN
  UPDATE `totals` SET `rows` = `rows` - 1
  WHERE `workspace` = OLD.`workspace` AND `list` = 'audit_log' AND `value` = OLD.`action`;
END;
--> statement-breakpoint
INSERT OR REPLACE INTO `totals` SELECT `workspace`, 'tasks', `state`, count(*) FROM `tasks` GROUP BY 1, 3;
--> statement-breakpoint
INSERT OR REPLACE INTO `totals` SELECT `workspace`, 'approvals', `status`, count(*) FROM `approvals` GROUP BY 1, 3;
--> statement-breakpoint
INSERT OR REPLACE INTO `totals` SELECT `workspace`, 'locks', `status`, count(*) FROM `locks` GROUP BY 1, 3;
--> statement-breakpoint
INSERT OR REPLACE INTO `totals` SELECT `workspace`, 'executions', coalesce(`result`, ''), count(*) FROM `executions` GROUP BY 1, 3;
--> statement-breakpoint
INSERT OR REPLACE INTO `totals` SELECT `workspace`, 'audit_log', `action`, count(*) FROM `audit_log` GROUP BY 1, 3;
