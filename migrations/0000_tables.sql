CREATE TABLE `agents` (
	`workspace` text NOT NULL,
	`id` text NOT NULL,
	`name` text NOT NULL,
	`description` text,
	`roles` text NOT NULL,
	`scopes` text NOT NULL,
	`capabilities` text NOT NULL,
	`max_tasks` integer NOT NULL,
	`heartbeat_interval_seconds` integer NOT NULL,
	`labels` text NOT NULL,
	`config` text NOT NULL,
	`active` integer NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL,
	PRIMARY KEY(`workspace`, `id`)
);
--> statement-breakpoint
CREATE TABLE `approvals` (
	`workspace` text NOT NULL,
	`id` text NOT NULL,
	`task_id` text NOT NULL,
	`reviewer_id` text NOT NULL,
	`revision` integer NOT NULL,
	`status` text NOT NULL,
	`priority` text NOT NULL,
	`created_at` text NOT NULL,
	`responded_at` text,
	`body` text NOT NULL,
	PRIMARY KEY(`workspace`, `id`)
);
--> statement-breakpoint
CREATE INDEX `approvals_reviewer` ON `approvals` (`workspace`,`reviewer_id`,`status`);--> statement-breakpoint
CREATE INDEX `approvals_task` ON `approvals` (`workspace`,`task_id`);--> statement-breakpoint
CREATE TABLE `audit_log` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`workspace` text NOT NULL,
	`actor` text NOT NULL,
	`seq` integer NOT NULL,
	`subject_type` text NOT NULL,
	`subject_id` text NOT NULL,
	`action` text NOT NULL,
	`from_state` text,
	`to_state` text,
	`who` text NOT NULL,
	`at` text NOT NULL,
	`where` text NOT NULL,
	`why` text,
	`request_id` text NOT NULL,
	`details` text,
	`prev_hash` text NOT NULL,
	`hash` text NOT NULL,
	`who_id` text GENERATED ALWAYS AS ((json_extract("who", '$.id'))) VIRTUAL,
	`task_id` text GENERATED ALWAYS AS ((CASE WHEN "subject_type" = 'task' THEN "subject_id" ELSE json_extract("details", '$.task_id') END)) VIRTUAL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `audit_chain` ON `audit_log` (`workspace`,`actor`,`seq`);--> statement-breakpoint
CREATE INDEX `audit_subject` ON `audit_log` (`workspace`,`subject_type`,`subject_id`,`id`);--> statement-breakpoint
CREATE INDEX `audit_task` ON `audit_log` (`workspace`,`task_id`,`id`);--> statement-breakpoint
CREATE INDEX `audit_who` ON `audit_log` (`workspace`,`who_id`,`id`);--> statement-breakpoint
CREATE INDEX `audit_request` ON `audit_log` (`workspace`,`request_id`);--> statement-breakpoint
CREATE INDEX `audit_at` ON `audit_log` (`workspace`,`at`);--> statement-breakpoint
CREATE INDEX `audit_workspace` ON `audit_log` (`workspace`,`id`);--> statement-breakpoint
CREATE INDEX `audit_action` ON `audit_log` (`workspace`,`action`,`id`);--> statement-breakpoint
CREATE TABLE `catalogue` (
	`workspace` text NOT NULL,
	`key` text NOT NULL,
	`type` text NOT NULL,
	`id` text NOT NULL,
	`namespace` text,
	`criticality` integer,
	`name` text,
	`owner` text,
	`dependents` text NOT NULL,
	`labels` text NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL,
	PRIMARY KEY(`workspace`, `key`)
);
--> statement-breakpoint
CREATE TABLE `executions` (
	`workspace` text NOT NULL,
	`task_id` text NOT NULL,
	`attempt` integer NOT NULL,
	`type` text NOT NULL,
	`agent_id` text NOT NULL,
	`started_at` text NOT NULL,
	`completed_at` text,
	`result` text,
	`duration_seconds` real,
	PRIMARY KEY(`workspace`, `task_id`, `attempt`)
);
--> statement-breakpoint
CREATE INDEX `executions_type` ON `executions` (`workspace`,`type`,`completed_at`);--> statement-breakpoint
CREATE TABLE `locks` (
	`workspace` text NOT NULL,
	`id` text NOT NULL,
	`resource_type` text NOT NULL,
	`resource_id` text NOT NULL,
	`agent_id` text NOT NULL,
	`session_id` text NOT NULL,
	`status` text NOT NULL,
	`mode` text NOT NULL,
	`fencing_token` integer,
	`since` text NOT NULL,
	PRIMARY KEY(`workspace`, `id`)
);
--> statement-breakpoint
CREATE INDEX `locks_resource` ON `locks` (`workspace`,`resource_type`,`resource_id`);--> statement-breakpoint
CREATE INDEX `locks_agent` ON `locks` (`workspace`,`agent_id`,`session_id`);--> statement-breakpoint
CREATE TABLE `policies` (
	`workspace` text NOT NULL,
	`id` text NOT NULL,
	`body` text NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL,
	PRIMARY KEY(`workspace`, `id`)
);
--> statement-breakpoint
CREATE TABLE `task_resources` (
	`workspace` text NOT NULL,
	`key` text NOT NULL,
	`task_id` text NOT NULL,
	`type` text NOT NULL,
	`resource_id` text NOT NULL,
	PRIMARY KEY(`workspace`, `key`, `task_id`)
);
--> statement-breakpoint
CREATE INDEX `task_resources_task` ON `task_resources` (`workspace`,`task_id`);--> statement-breakpoint
CREATE INDEX `task_resources_id` ON `task_resources` (`workspace`,`resource_id`);--> statement-breakpoint
CREATE TABLE `tasks` (
	`workspace` text NOT NULL,
	`id` text NOT NULL,
	`state` text NOT NULL,
	`revision` integer NOT NULL,
	`type` text NOT NULL,
	`author_id` text NOT NULL,
	`priority` integer NOT NULL,
	`risk_score` integer,
	`risk_level` text,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL,
	`tags` text NOT NULL,
	`body` text NOT NULL,
	PRIMARY KEY(`workspace`, `id`)
);
--> statement-breakpoint
CREATE INDEX `tasks_created` ON `tasks` (`workspace`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `tasks_updated` ON `tasks` (`workspace`,`updated_at`,`id`);--> statement-breakpoint
CREATE INDEX `tasks_state` ON `tasks` (`workspace`,`state`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `tasks_author` ON `tasks` (`workspace`,`author_id`,`created_at`);--> statement-breakpoint
CREATE INDEX `tasks_risk` ON `tasks` (`workspace`,`risk_score`,`id`);--> statement-breakpoint
CREATE TABLE `tokens` (
	`workspace` text NOT NULL,
	`token_id` text NOT NULL,
	`hash` text NOT NULL,
	`principal_kind` text NOT NULL,
	`principal_id` text NOT NULL,
	`scopes` text,
	`created_at` text NOT NULL,
	`expires_at` text,
	`last_used_at` text,
	PRIMARY KEY(`workspace`, `token_id`)
);
--> statement-breakpoint
CREATE INDEX `tokens_hash` ON `tokens` (`hash`);--> statement-breakpoint
CREATE INDEX `tokens_principal` ON `tokens` (`workspace`,`principal_kind`,`principal_id`);--> statement-breakpoint
CREATE TABLE `users` (
	`workspace` text NOT NULL,
	`id` text NOT NULL,
	`name` text NOT NULL,
	`email` text,
	`roles` text NOT NULL,
	`manager_id` text,
	`oidc_subject` text,
	`active` integer NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL,
	PRIMARY KEY(`workspace`, `id`)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `users_oidc_subject` ON `users` (`workspace`,`oidc_subject`);