PRAGMA journal_mode = WAL;
PRAGMA user_version = 2;
CREATE TABLE listings (number INTEGER PRIMARY KEY, ids TEXT NOT NULL);
CREATE TABLE orders (
    number INTEGER PRIMARY KEY,
    backend TEXT NOT NULL,
    urn TEXT NOT NULL,
    account TEXT NOT NULL,
    arguments TEXT NOT NULL,
    listing INTEGER NOT NULL,
    sent_at REAL NOT NULL,
    vendor_time REAL,
    process TEXT NOT NULL,
    progress TEXT NOT NULL,
    instance_id TEXT,
    closed_at REAL,
    answered_at REAL,
    inferred INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE clocks (account TEXT PRIMARY KEY, difference REAL NOT NULL);
CREATE UNIQUE INDEX one_order_each ON orders (instance_id) WHERE instance_id IS NOT NULL;
CREATE INDEX open_orders ON orders (urn) WHERE closed_at IS NULL;
INSERT INTO listings (number, ids) VALUES (1, '[]');
INSERT INTO orders (number, backend, urn, account, arguments, listing, sent_at, vendor_time, process, progress, instance_id, closed_at, answered_at, inferred) VALUES (3907830000048348533, 'file-9140945b47f62772dd4526c5fdc99577', 'urn:pulumi:test::tests::pulumi-python:dynamic/cortecs:Instance::chat', 'cortecs:@ACCOUNT@', '["Qwen--Qwen2-7B-Instruct", "NVIDIA_L4_1", 32000, "per_minute", 1]', 1, @MACHINE-0.535@, @VENDOR-1.044@, '90d972bb1f35c669', 'bought', 'c1cf9906-73cb-44ba-96ae-47f98d96bd25', @MACHINE-0.495@, @MACHINE-0.530@, 1);
