// The head of every page of one sale: its name, how it stands, and the way between its views.
import type { Sale } from '@holdfast/contract/sales';
import type { ReactNode } from 'react';
import { instantText } from '../../shared/instant-text.ts';
import { SaleTabs } from '../navigation.tsx';

export interface SaleHeadProps {
  readonly sale: Sale;
  readonly here: 'live' | 'items' | 'analytics';
  readonly aside?: ReactNode;
}

export function SaleHead({ sale, here, aside }: SaleHeadProps) {
  return (
    <div className="sale-head">
      <div>
        <h1>{sale.name}</h1>
        <p className="soft">
          <SaleStatusBadge status={sale.status} /> <span className="mono">{sale.id}</span> · {timesText(sale)}
        </p>
      </div>
      <div className="sale-head-aside">
        {aside}
        <SaleTabs saleId={sale.id} here={here} />
      </div>
    </div>
  );
}

const STATUS = {
  not_open: { text: 'Not open', tone: 'plain' },
  open: { text: 'Open', tone: 'good' },
  closed: { text: 'Closed', tone: 'plain' },
} as const;

export function SaleStatusBadge({ status }: { readonly status: Sale['status'] }) {
  const { text, tone } = STATUS[status];
  return <span className={`badge badge-${tone}`}>{text}</span>;
}

export function timesText({ opens_at, closes_at, status }: Sale): string {
  const opens =
    opens_at === null
      ? 'open from the start'
      : `${status === 'not_open' ? 'opens' : 'opened'} ${instantText(opens_at)}`;
  if (closes_at === null) return opens;
  return `${opens}, ${status === 'closed' ? 'closed' : 'closes'} ${instantText(closes_at)}`;
}
