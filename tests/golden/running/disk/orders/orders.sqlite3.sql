PRAGMA journal_mode = WAL;
PRAGMA user_version = 1;
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
    closed_at REAL
);
CREATE UNIQUE INDEX one_order_each ON orders (instance_id) WHERE instance_id IS NOT NULL;
CREATE INDEX open_orders ON orders (urn) WHERE closed_at IS NULL;
INSERT INTO listings (number, ids) VALUES (1, '[]');
INSERT INTO orders (number, backend, urn, account, arguments, listing, sent_at, vendor_time, process, progress, instance_id, closed_at) VALUES (1246231721907039586, 'file://@HOST@@FOLDER@/state', 'urn:pulumi:test::tests::pulumi-python:dynamic/cortecs:Instance::chat', 'cortecs:@ACCOUNT@', '["Qwen--Qwen2-7B-Instruct", "NVIDIA_L4_1", 32000, "per_minute", 1]', 1, @MACHINE-0.677@, @VENDOR-1.697@, '542f680667bb4a1e', 'bought', '26d00579-a807-4f07-a1ef-ddefe4a2bbad', @MACHINE-0.629@);
