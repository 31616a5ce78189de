CREATE TABLE `delegations` (
	`workspace` text NOT NULL,
	`id` text NOT NULL,
	`owner_id` text NOT NULL,
	`body` text NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL,
	PRIMARY KEY(`workspace`, `id`)
);
--> statement-breakpoint
CREATE INDEX `delegations_owner` ON `delegations` (`workspace`,`owner_id`,`created_at`,`id`);