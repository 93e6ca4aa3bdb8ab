// What is in a reservation or an order, line by line, with what it comes to.
import type { Money as Amount } from '@holdfast/contract/vocabulary';
import { Money } from '../../shared/money.tsx';
import { totalOf } from '../../shared/money-text.ts';

export interface PricedLine {
  readonly sku: string;
  readonly name: string;
  readonly quantity: number;
  readonly price?: Amount | undefined;
}

export function LinesTable({
  lines,
  caption,
}: {
  readonly lines: readonly PricedLine[];
  readonly caption: string;
}) {
  const total = totalOf(lines);
  return (
    <table className="lines">
      <caption className="visually-hidden">{caption}</caption>
      <thead className="visually-hidden">
        <tr>
          <th scope="col">Item</th>
          <th scope="col">Quantity</th>
          <th scope="col">Price</th>
        </tr>
      </thead>
      <tbody>
        {lines.map(({ sku, name, quantity, price }) => (
          <tr key={sku}>
            <th scope="row">{name}</th>
            <td className="number">× {quantity}</td>
            <td className="number">
              {price && <Money amount={{ ...price, amount_minor: price.amount_minor * quantity }} />}
            </td>
          </tr>
        ))}
      </tbody>
      {total && (
        <tfoot>
          <tr>
            <th scope="row" colSpan={2}>
              Total
            </th>
            <td className="number">
              <Money amount={total} />
            </td>
          </tr>
        </tfoot>
      )}
    </table>
  );
}
