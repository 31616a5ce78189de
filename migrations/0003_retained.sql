CREATE TABLE `audit_retained` (
	`workspace` text NOT NULL,
	`actor` text NOT NULL,
	`seq` integer NOT NULL,
	PRIMARY KEY(`workspace`, `actor`)
);
