/** Rows of the shop, made inside the server. Skew is a power law: few customers place most orders, few products sell most. */

export interface ShopSize {
  readonly customers: number;
  readonly products: number;
  readonly orders: number;
  readonly views: number;
  readonly accounts: number;
  readonly entries: number;
}

/** Scale 1 is about 300 MB in both databases. */
export function sizeAt(scale: number): ShopSize {
  const rows = (atOne: number) => Math.max(20, Math.round(atOne * scale));
  return { customers: rows(60_000), products: rows(8_000), orders: rows(280_000), views: rows(600_000), accounts: rows(40_000), entries: rows(650_000) };
}

/** A number from 1 to `count` by a power law: the smaller, the likelier. */
export const skewed = (count: number, power = 3): string => `(1 + floor(${count} * power(random(), ${power})))::int`;

const pick = (values: readonly string[], power = 1) =>
  `(array[${values.map((value) => `'${value.replaceAll("'", "''")}'`).join(',')}])[${skewed(values.length, power)}]`;

const countries = ['DE', 'FR', 'US', 'GB', 'PL', 'ES', 'IT', 'NL', 'JP', 'BR', 'SE', 'IS'];
const names = ['Ada', 'Björn', 'Chloé', 'Dvořák', 'Łucja', "O'Neill", '李雷', 'Ωmega', 'Zoë', 'عمر', '🦊 Fuchs', 'Smith'];
const words = ['chair', 'lamp', 'Tischlein', 'écran', 'cable', '机', 'coat', 'notebook', 'bicycle', 'tea'];
const recent = (days: number) => `now() - interval '${days} days' * power(random(), 2)`;

export function shopRows(size: ShopSize): readonly string[] {
  return [
    `insert into customers (email, name, country, tags, profile, credit, created_at)
     select 'c' || i || '@' || ${pick(['example.org', 'mail.test', 'shop.test'], 2)}, ${pick(names, 2)} || ' ' || i, ${pick(countries, 2.5)},
       case when random() < 0.3 then array[${pick(words)}, ${pick(words)}] else '{}' end,
       case when random() < 0.7 then jsonb_build_object('newsletter', random() < 0.5, 'visits', ${skewed(500)}, 'note', ${pick(words)}) end,
       (random() * 100)::numeric(12,2), now() - interval '3 years' * (1 - i / ${size.customers}.0)
     from generate_series(1, ${size.customers}) i`,
    `insert into products (sku, title, price, weight, attributes, path)
     select 'SKU-' || lpad(i::text, 8, '0'), ${pick(words)} || ' ' || ${pick(words)}, (1 + 400 * power(random(), 4))::numeric(10,2), random() * 20,
       jsonb_build_object('colour', ${pick(['black', 'white', 'grün', 'red'], 2)}, 'stock', i % 3), array['all', ${pick(words)}]
     from generate_series(1, ${size.products}) i`,
    `insert into inventory select i, w, ${skewed(500, 2)} from generate_series(1, ${size.products}) i, generate_series(1, 3) w`,
    `insert into orders (placed_at, customer_id, status, total, shipping)
     select ${recent(180)}, ${skewed(size.customers)}, ${pick(['delivered', 'shipped', 'placed', 'returned', 'refused'], 3)}, (5 + 900 * power(random(), 5))::numeric(12,2),
       case when random() < 0.4 then jsonb_build_object('zip', ${skewed(99_999, 1)}, 'express', random() < 0.1) end
     from generate_series(1, ${size.orders})`,
    `insert into "Order Items; DROP"
     select i, case when random() < 0.2 then ${pick(['S', 'M', 'L', 'XXL', 'größer'], 1.5)} end, ${skewed(size.products)}, ${skewed(9, 4)},
       (1 + 400 * power(random(), 4))::numeric(10,2), n
     from generate_series(1, ${size.orders}) i, lateral (select generate_series(1, 1 + (hashint4(i) & 3)) as n) lines`,
    `insert into "web.log".page_views
     select ${recent(60)}, md5((i / 6)::text)::uuid, case when random() < 0.6 then ${skewed(size.customers)} end, '10.0.0.0'::inet + ${skewed(1_000_000, 2)},
       '/' || ${pick(words, 3)} || '/' || ${skewed(size.products)}, (power(random(), 6) * 3)::numeric(9,6),
       case when random() < 0.25 then jsonb_build_object('agent', ${pick(['firefox', 'chrome', 'bot', 'curl'], 2)}, 'depth', ${skewed(12)}) end
     from generate_series(1, ${size.views}) i`,
  ];
}

export function ledgerRows(size: ShopSize): readonly string[] {
  return [
    `insert into accounts (holder, currency, balance, opened)
     select ${pick(names)} || ' ' || i, ${pick(['EUR', 'USD', 'PLN', 'JPY'], 3)}, (power(random(), 4) * 1e6)::numeric(18,4), current_date - ${skewed(4000, 1)}
     from generate_series(1, ${size.accounts}) i`,
    `insert into entries (account_id, amount, booked_at, reference, memo)
     select ${skewed(size.accounts)}, ((random() - 0.4) * power(10, 5 * random()))::numeric(18,4), ${recent(365)}, md5(i::text)::uuid,
       case when random() < 0.5 then ${pick(words, 2)} || ' ' || i end
     from generate_series(1, ${size.entries}) i`,
    `insert into rates
     select currency, now() - interval '1 hour' * h, case when h % 97 = 0 then 'NaN'::float8 when h % 89 = 0 then null else 1 + random() end, ${pick(['ecb', 'own'])}
     from unnest(array['USD', 'PLN', 'JPY']) currency, generate_series(1, 2000) h`,
  ];
}
