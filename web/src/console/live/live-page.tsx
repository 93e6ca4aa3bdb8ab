// A sale as it happens. The key figures and the plot follow the live feed; what is counted is asked for each second, as
// long as somebody looks.
import type { Sale } from '@holdfast/contract/sales';
import { useState } from 'react';
import { SelectField } from '../../shared/field.tsx';
import { MAX_LIVE_SKUS } from '../../shared/live-feed.ts';
import { Empty } from '../../shared/states.tsx';
import { Asked, useAsk } from '../asking.tsx';
import { Funnel, Resolutions } from '../figures/funnel.tsx';
import { Panel } from '../figures/panel.tsx';
import { HealthSummary } from '../health/health-summary.tsx';
import { SaleHead } from '../sales/sale-head.tsx';
import { AttemptsPanels } from './attempts-panels.tsx';
import { KeyFigures } from './key-figures.tsx';
import { PulseBadge } from './pulse-badge.tsx';
import { StockPlot } from './stock-plot.tsx';
import { useSaleStock } from './use-sale-stock.ts';

/** Changes with what an operator does, not with what customers do. */
const SALE_EVERY_MS = 15_000;
/** The whole journal of the sale is counted for it. */
const WHOLE_EVERY_MS = 5_000;

export function LivePage({ saleId }: { readonly saleId: string }) {
  const sale = useAsk(['sale', saleId], (client, signal) => client.sale(saleId, { signal }), {
    everyMs: SALE_EVERY_MS,
  });
  return (
    <Asked of={sale} what="the sale" lines={8}>
      {(known) => <Dashboard sale={known} />}
    </Asked>
  );
}

function Dashboard({ sale }: { readonly sale: Sale }) {
  const all = sale.items.map(({ sku }) => sku);
  const [only, setOnly] = useState('');
  const watched = only === '' ? all.slice(0, MAX_LIVE_SKUS) : [only];
  const shown = useSaleStock(watched);
  const whole = useAsk(
    ['analytics', sale.id, 'whole'],
    (client, signal) => client.insight.analytics(sale.id, { signal }),
    { everyMs: WHOLE_EVERY_MS },
  );
  return (
    <>
      <SaleHead sale={sale} here="live" aside={<PulseBadge />} />
      {all.length === 0 ? (
        <Empty title="This sale has no items yet" />
      ) : (
        <>
          {all.length > 1 && <ItemChoice sale={sale} only={only} onChoose={setOnly} />}
          <KeyFigures shown={shown} sales={only === '' ? whole.data?.sales : undefined} />
          <div className="panels">
            <StockPlot shown={shown} />
            <AttemptsPanels saleId={sale.id} />
            <Panel title="Funnel">
              <Asked of={whole} what="the funnel">
                {({ funnel }) => <Funnel counts={funnel} />}
              </Asked>
            </Panel>
            <Panel title="What became of reservations">
              <Asked of={whole} what="resolutions">
                {({ funnel }) => <Resolutions counts={funnel} />}
              </Asked>
            </Panel>
            <HealthSummary saleId={sale.id} />
          </div>
        </>
      )}
    </>
  );
}

interface ItemChoiceProps {
  readonly sale: Sale;
  readonly only: string;
  readonly onChoose: (sku: string) => void;
}

function ItemChoice({ sale, only, onChoose }: ItemChoiceProps) {
  const many = sale.items.length > MAX_LIVE_SKUS;
  return (
    <div className="item-choice">
      <SelectField
        label="Stock of"
        value={only}
        onChange={(event) => onChoose(event.target.value)}
        {...(many && { hint: `The live feed follows ${MAX_LIVE_SKUS} items at a time.` })}
      >
        <option value="">
          {many ? `the first ${MAX_LIVE_SKUS} items` : `all ${sale.items.length} items`}
        </option>
        {sale.items.map(({ sku, name }) => (
          <option key={sku} value={sku}>
            {name === sku ? sku : `${name} (${sku})`}
          </option>
        ))}
      </SelectField>
    </div>
  );
}
