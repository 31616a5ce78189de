CREATE TABLE `stuck_tasks` (
	`workspace` text NOT NULL,
	`id` text NOT NULL,
	`since` text NOT NULL,
	`requirements` text NOT NULL,
	PRIMARY KEY(`workspace`, `id`)
);
--> statement-breakpoint
CREATE INDEX `stuck_tasks_since` ON `stuck_tasks` (`workspace`,`since`,`id`);