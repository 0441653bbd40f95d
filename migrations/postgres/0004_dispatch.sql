-- The pair of ../sqlite/0004_dispatch.sql: same tables, same columns, same checks.
-- Deliveries that keep an order, first tries and later ones apart, and mapped payloads.

-- What deliveries of one plugin share that run one at a time and in order (a digest), and their place
-- in that order.
ALTER TABLE deliveries ADD COLUMN order_key TEXT COLLATE "C";
ALTER TABLE deliveries ADD COLUMN order_seq BIGINT CHECK ((order_key IS NULL) = (order_seq IS NULL));
-- An earlier one with its key is not finished. Written when it is stored and when its turn comes, so
-- that a claim looks at nothing that may not run.
ALTER TABLE deliveries ADD COLUMN waits_turn BOOLEAN NOT NULL DEFAULT FALSE;

-- The keys with deliveries that are not finished, and the last place that was given. Whoever adds or
-- finishes a delivery of a key holds its row, so that the two cannot miss each other.
CREATE TABLE order_keys (
    plugin    TEXT COLLATE "C" NOT NULL,
    order_key TEXT COLLATE "C" NOT NULL,
    last_seq  BIGINT NOT NULL,
    PRIMARY KEY (plugin, order_key)
);

-- A claim looks at first tries and at later ones apart, so that neither starves the other.
DROP INDEX deliveries_claim;
-- First tries of one plugin that may run, in order of their due time. Partial, so that it stays as
-- small as the backlog whatever the history.
CREATE INDEX deliveries_first ON deliveries (plugin, due_at, id)
    WHERE state = 'pending' AND NOT waits_turn;
-- The same of later tries.
CREATE INDEX deliveries_again ON deliveries (plugin, due_at, id)
    WHERE state IN ('retrying', 'deferred');
-- Whose turn is next, and whether a key has unfinished deliveries.
CREATE INDEX deliveries_turn ON deliveries (plugin, order_key, order_seq)
    WHERE order_key IS NOT NULL
      AND state IN ('pending', 'claimed', 'running', 'retrying', 'deferred', 'unknown');

-- The plugin saw what its `map` made of the payload.
ALTER TABLE attempts ADD COLUMN mapped BOOLEAN NOT NULL DEFAULT FALSE;
