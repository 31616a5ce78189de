CREATE TABLE `agent_presence` (
	`workspace` text NOT NULL,
	`id` text NOT NULL,
	`status` text NOT NULL,
	`since` text NOT NULL,
	PRIMARY KEY(`workspace`, `id`)
);
