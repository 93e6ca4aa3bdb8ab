// How the service is: stores, workers, invariants and sales, of the process that answers; and reconciling by hand.
import type { ReconcileReport } from '@holdfast/contract/reconcile';
import type { Status } from '@holdfast/contract/status';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Button } from '../../shared/button.tsx';
import { wordsText } from '../../shared/duration-text.ts';
import { exactInstantText } from '../../shared/instant-text.ts';
import { Notice } from '../../shared/notice.tsx';
import { Asked, sentenceOf } from '../asking.tsx';
import { Panel } from '../figures/panel.tsx';
import { bytesText, countOf, countText, DASH } from '../numbers.ts';
import { useOperator } from '../operator-store.ts';
import { Link } from '../router.tsx';
import { StoreSign, useStatus } from './health-summary.tsx';
import { Sign } from './sign.tsx';

export function HealthPage() {
  const status = useStatus();
  return (
    <>
      <h1>Health</h1>
      <Asked of={status} what="the service’s health" lines={8}>
        {(known) => <AllOfIt status={known} />}
      </Asked>
    </>
  );
}

function AllOfIt({ status }: { readonly status: Status }) {
  const { process: running, version, stores, workers, invariants } = status;
  return (
    <>
      <p className="soft number">
        Version {version}, up {wordsText(running.uptime_seconds * 1_000)}, {bytesText(running.resident_bytes)}{' '}
        of memory, as of {exactInstantText(status.as_of)}. With several processes, each look may be another
        one’s.
      </p>
      <div className="panels">
        <Panel title="Service">
          <ul className="signs">
            <Sign
              good={status.ready}
              label="Traffic"
              text={status.ready ? 'takes it' : status.reasons.join(', ')}
            />
            <StoreSign name="Redis" breaker={stores.redis.breaker} />
            <StoreSign name="PostgreSQL" breaker={stores.postgresql.breaker} />
          </ul>
        </Panel>
        <Panel title="Workers">
          <ul className="signs">
            {workers.map(({ name, state, last_run_at, last_error_at }) => (
              <Sign
                key={name}
                good={state !== 'failing'}
                label={name}
                text={workerText(state, state === 'failing' ? last_error_at : last_run_at)}
              />
            ))}
          </ul>
        </Panel>
        <Panel title="Invariants">
          <ul className="signs">
            {invariants.map(({ invariant, violations }) => (
              <Sign
                key={invariant}
                good={violations === 0}
                label={invariant}
                text={violations === 0 ? 'holds' : countOf(violations, 'violation')}
              />
            ))}
          </ul>
          <Reconcile />
        </Panel>
        <Panel title="Sales in the stock store">
          <SalesKept sales={status.sales} />
        </Panel>
      </div>
    </>
  );
}

function workerText(state: Status['workers'][number]['state'], at: string | null): string {
  if (state === 'idle') return 'has not run yet';
  const when = at === null ? '' : ` at ${exactInstantText(at)}`;
  return state === 'ok' ? `ran${when}` : `failed${when}`;
}

function SalesKept({ sales }: { readonly sales: Status['sales'] }) {
  if (sales.length === 0) return <p className="soft">None.</p>;
  return (
    <table className="figures">
      <thead>
        <tr>
          <th scope="col">Sale</th>
          <th scope="col">Reserving</th>
          <th scope="col">Journal behind by</th>
        </tr>
      </thead>
      <tbody>
        {sales.map(({ sale_id, granting, ledger_lag }) => (
          <tr key={sale_id}>
            <th scope="row">
              <Link to={{ page: 'live', saleId: sale_id }}>{sale_id}</Link>
            </th>
            <td>{granting ? 'granted' : 'not granted'}</td>
            <td className="number">{ledger_lag === null ? DASH : countText(ledger_lag)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Reconcile() {
  const { client } = useOperator();
  const queries = useQueryClient();
  const run = useMutation({
    mutationFn: () => client.reconcile(),
    onSettled: () => queries.invalidateQueries({ queryKey: ['status'] }),
  });
  return (
    <div className="stack">
      <p className="small soft">The service checks itself all the time. This is for not waiting.</p>
      <Button onClick={() => run.mutate()} busy={run.isPending}>
        Reconcile now
      </Button>
      {run.error !== null && <Notice tone="bad" title={sentenceOf(run.error)} />}
      {run.data !== undefined && <Report report={run.data} />}
    </div>
  );
}

function Report({ report }: { readonly report: ReconcileReport }) {
  const differences = report.sales.flatMap((sale) =>
    sale.differences.map((found) => ({ ...found, sale: sale.sale_id })),
  );
  const partial = report.sales.filter(({ complete }) => !complete).length;
  return (
    <Notice
      tone={differences.length === 0 ? 'good' : 'bad'}
      title={differences.length === 0 ? 'Everything adds up' : countOf(differences.length, 'difference')}
    >
      <p className="number">
        {countOf(report.sales.length, 'sale')} looked at
        {partial > 0 && `, ${countText(partial)} of them in part`}.
      </p>
      <ul>
        {differences.map(({ sale, invariant, detail, repaired }) => (
          <li key={`${sale} ${invariant} ${detail}`}>
            {sale}, {invariant}: {detail}. {repaired ? 'Repaired.' : 'Not repaired: look at it.'}
          </li>
        ))}
      </ul>
    </Notice>
  );
}
