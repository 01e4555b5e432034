/** What the shop's application writes, how often, and with which values. One statement is one transaction and one round trip. */

export interface Write {
  /** Of the prepared statement. */
  readonly name: string;
  readonly database: 'shop' | 'ledger';
  readonly weight: number;
  readonly counts: 'inserts' | 'updates' | 'deletes';
  readonly sql: string;
  values(): unknown[];
}

export interface Limits {
  readonly customers: number;
  readonly products: number;
  readonly orders: number;
  readonly accounts: number;
}

/** As skewed as the rows are. */
const skewed = (count: number) => 1 + Math.floor(count * Math.random() ** 3);
const uniform = (count: number) => 1 + Math.floor(count * Math.random());

export function mix(limits: Limits): readonly Write[] {
  const { customers, products, orders, accounts } = limits;
  return [
    {
      name: 'place-order',
      database: 'shop',
      weight: 35,
      counts: 'inserts',
      sql: `with placed as (insert into orders (customer_id, total) values ($1, $2) returning id),
          taken as (update inventory set quantity = quantity - 1, counted_at = now() where product_id = $3 and warehouse = 1)
        insert into "Order Items; DROP" select id, null, $3, 1, $2, n from placed, generate_series(1, 2) n`,
      values: () => [skewed(customers), (Math.random() * 200).toFixed(2), skewed(products)],
    },
    {
      name: 'view-page',
      database: 'shop',
      weight: 20,
      counts: 'inserts',
      sql: `insert into "web.log".page_views (session, customer_id, path, took) values (gen_random_uuid(), $1, '/p/' || $2::text, random())`,
      values: () => [skewed(customers), skewed(products)],
    },
    {
      name: 'change-customer',
      database: 'shop',
      weight: 20,
      counts: 'updates',
      sql: `update customers set credit = credit + $2, updated_at = now(),
          profile = jsonb_set(coalesce(profile, '{}'), '{visits}', to_jsonb(coalesce((profile->>'visits')::int, 0) + 1)) where id = $1`,
      values: () => [skewed(customers), (Math.random() * 2 - 1).toFixed(2)],
    },
    {
      name: 'book',
      database: 'ledger',
      weight: 18,
      counts: 'inserts',
      sql: `with booked as (insert into entries (account_id, amount, memo) values ($1, $2, 'order') returning amount)
        update accounts set balance = balance + (select amount from booked) where id = $1`,
      values: () => [skewed(accounts), (Math.random() * 300 - 100).toFixed(4)],
    },
    {
      name: 'cancel-order',
      database: 'shop',
      weight: 7,
      counts: 'deletes',
      sql: `with items as (delete from "Order Items; DROP" where "order" = $1) delete from orders where id = $1`,
      values: () => [uniform(orders)],
    },
  ];
}
