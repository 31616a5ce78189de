CREATE TABLE `webhooks` (
	`workspace` text NOT NULL,
	`id` text NOT NULL,
	`body` text NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL,
	PRIMARY KEY(`workspace`, `id`)
);
