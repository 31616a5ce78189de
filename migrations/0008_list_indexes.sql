DROP INDEX `audit_subject`;--> statement-breakpoint
CREATE INDEX `audit_subject` ON `audit_log` (`workspace`,`subject_id`,`id`,`subject_type`);--> statement-breakpoint
DROP INDEX `locks_resource`;--> statement-breakpoint
DROP INDEX `locks_agent`;--> statement-breakpoint
CREATE INDEX `locks_since` ON `locks` (`workspace`,`status`,`since`,`id`,`resource_type`);--> statement-breakpoint
CREATE INDEX `locks_resource` ON `locks` (`workspace`,`resource_id`,`status`,`since`,`id`,`resource_type`);--> statement-breakpoint
CREATE INDEX `locks_agent` ON `locks` (`workspace`,`agent_id`,`status`,`since`,`id`);--> statement-breakpoint
DROP INDEX `tasks_author`;--> statement-breakpoint
CREATE INDEX `tasks_type` ON `tasks` (`workspace`,`type`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `tasks_risk_level` ON `tasks` (`workspace`,`risk_level`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `tasks_author` ON `tasks` (`workspace`,`author_id`,`created_at`,`id`);