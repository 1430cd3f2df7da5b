<?php
/**
 * Three tables. A cart's row is its whole state; an order's holds what PrestaShop does not keep; the queue names what is
 * to be told, so that a retry always tells the newest state. The queue is a table and not files: a table is on disk as
 * well, is shared by all servers of a shop, and no web server can hand it out by mistake.
 */
if (!defined('_PS_VERSION_')) {
    exit;
}

final class CartbackStore
{
    /** A restore link outlives every reminder that carries it. */
    const DAYS_KEPT = 30;
    const BOUGHT_DAYS_KEPT = 5;
    /** When a delivery is tried again, as Standard Webhooks advises: 5 s, 5 min, 30 min, 2, 5, 10, 14, 20 and 24 h. */
    const RETRY_SECONDS = [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400];

    public static function install()
    {
        $engine = ' ENGINE=' . _MYSQL_ENGINE_ . ' DEFAULT CHARSET=utf8mb4';
        $made = true;
        foreach ([
            'cart' => 'id_cart INT UNSIGNED NOT NULL PRIMARY KEY, email VARCHAR(191) NOT NULL DEFAULT "", phone VARCHAR(32) NOT NULL DEFAULT "", data MEDIUMTEXT NOT NULL, changed_at BIGINT NOT NULL, bought_at BIGINT NOT NULL DEFAULT 0, KEY email (email), KEY changed_at (changed_at)',
            'order' => 'id_order INT UNSIGNED NOT NULL PRIMARY KEY, data TEXT NOT NULL',
            'queue' => 'kind VARCHAR(32) NOT NULL, subject VARCHAR(64) NOT NULL, due_at BIGINT NOT NULL, attempt INT NOT NULL DEFAULT 0, changed_at BIGINT NOT NULL, data TEXT NOT NULL, PRIMARY KEY (kind, subject), KEY due_at (due_at)',
        ] as $name => $columns) {
            $made = $made && Db::getInstance()->execute('CREATE TABLE IF NOT EXISTS `' . _DB_PREFIX_ . 'cartback_' . $name . '` (' . $columns . ')' . $engine);
        }

        return $made;
    }

    public static function uninstall()
    {
        foreach (['cart', 'order', 'queue'] as $name) {
            Db::getInstance()->execute('DROP TABLE IF EXISTS `' . _DB_PREFIX_ . 'cartback_' . $name . '`');
        }
    }

    public static function nowMs()
    {
        return (int) floor(microtime(true) * 1000);
    }

    /* ------------------------------------------------------------ carts */

    public static function cart($id)
    {
        $row = $id > 0 ? self::one('cart', 'id_cart = ' . (int) $id) : null;

        return $row ? self::decoded($row) : null;
    }

    public static function cartsOf($email)
    {
        return array_map([__CLASS__, 'decoded'], self::all('cart', 'email = \'' . pSQL($email) . '\' LIMIT 500'));
    }

    public static function blankCart($id)
    {
        return ['id_cart' => (int) $id, 'email' => '', 'phone' => '', 'data' => [], 'changed_at' => 0, 'bought_at' => 0];
    }

    /** Two states of one cart never share a time. */
    public static function saveCart(array $row)
    {
        $row['changed_at'] = max(self::nowMs(), $row['changed_at'] + 1);
        self::keepCart($row);

        return $row;
    }

    public static function keepCart(array $row)
    {
        $row['data'] = json_encode($row['data']);
        self::replace('cart', $row);
    }

    private static function decoded(array $row)
    {
        $data = json_decode((string) $row['data'], true);
        $row['data'] = is_array($data) ? $data : [];
        foreach (['id_cart', 'changed_at', 'bought_at'] as $number) {
            $row[$number] = (int) $row[$number];
        }

        return $row;
    }

    /* ------------------------------------------------------------ orders */

    /** What is not named stays as it was kept. */
    public static function keepOrder($id, array $data)
    {
        self::alone('order' . (int) $id, static function () use ($id, $data) {
            self::mergeOrder($id, $data);
        });
    }

    private static function mergeOrder($id, array $data)
    {
        self::replace('order', ['id_order' => (int) $id, 'data' => json_encode($data + self::order($id))]);
    }

    public static function order($id)
    {
        $row = self::one('order', 'id_order = ' . (int) $id);
        $data = $row ? json_decode((string) $row['data'], true) : null;

        return is_array($data) ? $data : [];
    }

    /* ------------------------------------------------------------ the queue */

    /**
     * Two states of one order never share a time, also when the first was told within a millisecond or the clock was put
     * back: of two that do, Cartback cannot know the later one.
     */
    public static function queueOrder($id)
    {
        // The shopper's page and the payment's callback may tell of it at the same moment.
        self::alone('order' . (int) $id, static function () use ($id) {
            $kept = self::order($id);
            $told = isset($kept['changed_at']) ? (int) $kept['changed_at'] : 0;
            self::mergeOrder($id, ['changed_at' => self::queue('order.upserted', (string) $id, [], $told)]);
        });
    }

    /** One request at a time; who waited for two seconds goes on all the same. */
    private static function alone($name, callable $act)
    {
        $lock = '\'' . pSQL(_DB_PREFIX_ . 'cartback_' . $name) . '\'';
        Db::getInstance()->getValue('SELECT GET_LOCK(' . $lock . ', 2)', false);
        try {
            $act();
        } finally {
            Db::getInstance()->getValue('SELECT RELEASE_LOCK(' . $lock . ')', false);
        }
    }

    /** One entry a kind and subject: it will tell the newest state. Returns its time in ms, later than `$after`. */
    public static function queue($kind, $subject, array $data = [], $after = 0)
    {
        $before = self::one('queue', 'kind = \'' . pSQL($kind) . '\' AND subject = \'' . pSQL($subject) . '\'');
        $changed = max(self::nowMs(), 1 + max((int) $after, $before ? (int) $before['changed_at'] : 0));
        self::replace('queue', [
            'kind' => $kind,
            'subject' => $subject,
            'due_at' => self::nowMs(),
            'attempt' => 0,
            'changed_at' => $changed,
            'data' => json_encode((object) $data),
        ]);

        return $changed;
    }

    public static function due()
    {
        $rows = self::all('queue', 'due_at <= ' . self::nowMs() . ' ORDER BY due_at LIMIT 1');

        return $rows ? $rows[0] : null;
    }

    /** What changed while it was under way stays, to be told again. */
    public static function told(array $job)
    {
        Db::getInstance()->delete('cartback_queue', self::same($job));
    }

    /** Plans the next try, or gives up. */
    public static function later(array $job)
    {
        $attempt = (int) $job['attempt'];
        if ($attempt >= count(self::RETRY_SECONDS)) {
            self::told($job);

            return;
        }
        $wait = self::RETRY_SECONDS[$attempt];
        $due = self::nowMs() + 1000 * ($wait + random_int(0, intdiv($wait, 5)));
        Db::getInstance()->update('cartback_queue', ['due_at' => $due, 'attempt' => $attempt + 1], self::same($job));
    }

    private static function same(array $job)
    {
        return 'kind = \'' . pSQL($job['kind']) . '\' AND subject = \'' . pSQL($job['subject']) . '\' AND changed_at = ' . (int) $job['changed_at'];
    }

    /** One sender at a time, whichever server it runs on. */
    public static function lock()
    {
        return 1 === (int) Db::getInstance()->getValue('SELECT GET_LOCK(\'' . pSQL(_DB_PREFIX_ . 'cartback') . '\', 0)', false);
    }

    public static function unlock()
    {
        Db::getInstance()->getValue('SELECT RELEASE_LOCK(\'' . pSQL(_DB_PREFIX_ . 'cartback') . '\')', false);
    }

    /* ------------------------------------------------------------ forgetting */

    public static function erase(array $person, $tell)
    {
        $rows = isset($person['email']) ? self::cartsOf($person['email']) : [];
        if (isset($person['phone'])) {
            $phone = '\'' . pSQL($person['phone']) . '\'';
            $rows = array_merge($rows, array_map([__CLASS__, 'decoded'], self::all('cart', 'phone = ' . $phone . ' LIMIT 500')));
        }
        foreach ($rows as $row) {
            $told = isset($row['data']['told_phone']) ? $row['data']['told_phone'] : $row['phone'];
            $named = $person + ('' !== $told ? ['phone' => $told] : []);
            if ($tell && $named !== $person) {
                self::queue('customer.redacted', substr(hash('sha256', json_encode($named)), 0, 32), $named);
            }
            Db::getInstance()->delete('cartback_cart', 'id_cart = ' . (int) $row['id_cart']);
            Db::getInstance()->delete('cartback_queue', 'kind = \'checkout.updated\' AND subject = \'' . (int) $row['id_cart'] . '\'');
        }
        if ($tell) {
            self::queue('customer.redacted', substr(hash('sha256', json_encode($person)), 0, 32), $person);
        }
    }

    public static function prune()
    {
        $day = 86400000;
        Db::getInstance()->delete('cartback_cart', 'changed_at < ' . (self::nowMs() - self::DAYS_KEPT * $day));
        Db::getInstance()->delete('cartback_cart', 'bought_at > 0 AND bought_at < ' . (self::nowMs() - self::BOUGHT_DAYS_KEPT * $day));
    }

    /* ------------------------------------------------------------ one way to the database */

    private static function one($table, $where)
    {
        $row = Db::getInstance()->getRow('SELECT * FROM `' . _DB_PREFIX_ . 'cartback_' . $table . '` WHERE ' . $where, false);

        return is_array($row) ? $row : null;
    }

    private static function all($table, $where)
    {
        $rows = Db::getInstance()->executeS('SELECT * FROM `' . _DB_PREFIX_ . 'cartback_' . $table . '` WHERE ' . $where, true, false);

        return is_array($rows) ? $rows : [];
    }

    /** `pSQL` with its second argument keeps what looks like a tag: JSON would be no JSON without it. */
    private static function replace($table, array $row)
    {
        $escaped = array_map(static function ($value) {
            return is_int($value) ? $value : pSQL((string) $value, true);
        }, $row);
        Db::getInstance()->insert('cartback_' . $table, $escaped, false, false, Db::REPLACE);
    }
}
