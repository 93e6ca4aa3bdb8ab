// Health in one panel beside a sale: stores, workers, invariants, and whether this sale may be reserved from.
import type { Status } from '@holdfast/contract/status';
import { Asked, useAsk } from '../asking.tsx';
import { Panel } from '../figures/panel.tsx';
import { countText } from '../numbers.ts';
import { Link } from '../router.tsx';
import { Sign } from './sign.tsx';

const EVERY_MS = 5_000;

export function useStatus() {
  return useAsk(['status'], (client, signal) => client.insight.status({ signal }), { everyMs: EVERY_MS });
}

export function HealthSummary({ saleId }: { readonly saleId: string }) {
  const status = useStatus();
  return (
    <Panel title="Health" aside={<Link to={{ page: 'health' }}>All of it</Link>}>
      <Asked of={status} what="the service’s health">
        {(known) => <Signs status={known} saleId={saleId} />}
      </Asked>
    </Panel>
  );
}

function Signs({ status, saleId }: { readonly status: Status; readonly saleId: string }) {
  const failing = status.workers.filter(({ state }) => state === 'failing').map(({ name }) => name);
  const violations = status.invariants.reduce((sum, invariant) => sum + invariant.violations, 0);
  const sale = status.sales.find(({ sale_id }) => sale_id === saleId);
  const lag = sale?.ledger_lag ?? null;
  return (
    <ul className="signs">
      <Sign
        good={status.ready}
        label="Service"
        text={status.ready ? 'takes traffic' : status.reasons.join(', ') || 'not ready'}
      />
      <StoreSign name="Redis" breaker={status.stores.redis.breaker} />
      <StoreSign name="PostgreSQL" breaker={status.stores.postgresql.breaker} />
      <Sign
        good={failing.length === 0}
        label="Workers"
        text={failing.length === 0 ? `${status.workers.length} work` : `failing: ${failing.join(', ')}`}
      />
      <Sign
        good={violations === 0}
        label="Invariants"
        text={violations === 0 ? 'all hold' : `${countText(violations)} violations: see Health`}
      />
      {sale !== undefined && (
        <Sign
          good={sale.granting}
          label="This sale"
          text={`${sale.granting ? 'grants' : 'does not grant'}${lag === null ? '' : `, journal ${countText(lag)} behind`}`}
        />
      )}
    </ul>
  );
}

export function StoreSign({
  name,
  breaker,
}: {
  readonly name: string;
  readonly breaker: Status['stores']['redis']['breaker'];
}) {
  const words = { closed: 'answers', half_open: 'being tried again', open: 'silent: customers are refused' };
  return <Sign good={breaker === 'closed'} label={name} text={words[breaker]} />;
}
