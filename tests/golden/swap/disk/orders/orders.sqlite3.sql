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
INSERT INTO listings (number, ids) VALUES (2, '["c597fcc3-5710-410d-822b-bed569590c86"]');
INSERT INTO orders (number, backend, urn, account, arguments, listing, sent_at, vendor_time, process, progress, instance_id, closed_at) VALUES (1145738158831371431, 'file://@HOST@@FOLDER@/state', 'urn:pulumi:test::tests::pulumi-python:dynamic/cortecs:Instance::chat', 'cortecs:@ACCOUNT@', '["Qwen--Qwen2-7B-Instruct", "NVIDIA_L4_1", 32000, "per_minute", 1]', 1, @MACHINE-5.397@, @VENDOR-5.529@, 'a7fc3b86f254aca1', 'bought', 'c597fcc3-5710-410d-822b-bed569590c86', @MACHINE-5.359@);
INSERT INTO orders (number, backend, urn, account, arguments, listing, sent_at, vendor_time, process, progress, instance_id, closed_at) VALUES (1734453873422112311, 'file://@HOST@@FOLDER@/state', 'urn:pulumi:test::tests::pulumi-python:dynamic/cortecs:Instance::chat', 'cortecs:@ACCOUNT@', '["Qwen--Qwen2-7B-Instruct", "NVIDIA_L4_1", 4096, "per_minute", 1]', 2, @MACHINE-0.451@, @VENDOR-0.529@, 'ac29814f98f46904', 'bought', 'af230075-6e4b-4519-8e15-3ca62fff2c69', @MACHINE-0.416@);
