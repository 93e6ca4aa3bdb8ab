// One item of a sale: what it is, how much of it is left, and how many of it are in the cart.
import type { Item } from '@holdfast/contract/inventory';
import { useEffect, useRef } from 'react';
import { useAnnounce } from '../shared/announce.tsx';
import { Money } from '../shared/money.tsx';
import { useLiveItem } from '../shared/store.tsx';
import { mostOf } from './cart.ts';
import { ItemArt } from './item-art.tsx';
import { QuantityStepper } from './quantity-stepper.tsx';
import { StockLine, stockWords } from './stock-line.tsx';

export interface ItemCardProps {
  /** As it was read; what the feed has said since comes first. */
  readonly item: Item;
  readonly quantity: number;
  readonly onQuantity: (quantity: number) => void;
}

export function ItemCard({ item: read, quantity, onQuantity }: ItemCardProps) {
  const item = useLiveItem(read.sku) ?? read;
  useStatusNews(item);
  const choosable = item.status === 'on_sale' || quantity > 0;
  return (
    <li className="item" data-sku={item.sku}>
      <ItemArt sku={item.sku} />
      <div className="item-body">
        <div className="item-head">
          <h3 className="item-name">{item.name}</h3>
          <p className="item-price">{item.price ? <Money amount={item.price} /> : null}</p>
        </div>
        <StockLine item={item} />
        <div className="item-foot">
          {choosable ? (
            <QuantityStepper name={item.name} value={quantity} most={mostOf(item)} onChange={onQuantity} />
          ) : (
            <p className="soft small">{instead(item)}</p>
          )}
          {item.max_per_customer !== null && (
            <p className="item-cap small soft">At most {item.max_per_customer} each</p>
          )}
        </div>
      </div>
    </li>
  );
}

function instead({ status }: Item): string {
  switch (status) {
    case 'not_open':
      return 'Choose when the sale opens.';
    case 'all_reserved':
      return 'Stay: what is not paid for comes back.';
    default:
      return 'No longer to be had here.';
  }
}

/** Says when an item runs out or comes back, never each unit. */
function useStatusNews(item: Item): void {
  const announce = useAnnounce();
  const before = useRef(item.status);
  useEffect(() => {
    if (before.current === item.status) return;
    before.current = item.status;
    announce(`${item.name}: ${stockWords(item).headline}.`);
  }, [item, announce]);
}
