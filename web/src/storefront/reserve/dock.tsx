// Beside the items, on a phone at the bottom: what the shopper holds in this sale, and the cart they may reserve.
import type { Reservation } from '@holdfast/contract/reservations';
import type { Sale } from '@holdfast/contract/sales';
import { useMutation } from '@tanstack/react-query';
import { useEffect, useMemo, useState } from 'react';
import { useAnnounce } from '../../shared/announce.tsx';
import { Button } from '../../shared/button.tsx';
import { wordsText } from '../../shared/duration-text.ts';
import { Notice } from '../../shared/notice.tsx';
import { type Cart, unitsIn } from '../cart.ts';
import { LinesTable } from '../pay/lines-table.tsx';
import { namesIn } from '../reads.ts';
import { RefusalNotice } from '../refusal-notice.tsx';
import { useAccess, useShop } from '../shop.tsx';
import { customerOf, TokenNeeded } from '../shopper/shopper.ts';
import { SignIn } from '../shopper/sign-in.tsx';
import { useCart } from './carts.ts';
import { HeldPanel } from './held-panel.tsx';
import { useNoteReservation, useReservations } from './holdings.ts';
import { isLive } from './reservation-list.ts';
import { mayHaveHappened, type Outcome, reserveOnce, takeUpAgain } from './reserve-once.ts';

export function Dock({ sale }: { readonly sale: Sale }) {
  const shop = useShop();
  const access = useAccess();
  const cart = useCart(shop.carts, sale.id);
  const held = useHeldHere(sale.id);
  const { reserve, takingUp } = useReserving(sale, cart);
  return (
    <aside className="dock" aria-label="Your reservation and cart">
      {held.shown.map((reservation) => (
        <HeldPanel
          key={reservation.reservation_id}
          reservation={reservation}
          sale={sale}
          onSeen={() => held.dismiss(reservation.reservation_id)}
        />
      ))}
      {access.kind === 'token-needed' && <SignIn />}
      {reserve.data?.earlier === true && (
        <section className="panel">
          <Notice tone="good" title="Your earlier try went through">
            <p>
              Its answer was lost on the way. The cart as it is now has not been reserved: do so if you still
              want it.
            </p>
          </Notice>
        </section>
      )}
      {(cart.lines.length > 0 || held.shown.length === 0) && (
        <section className="panel cart" aria-labelledby="cart-title">
          <h2 id="cart-title">Your cart</h2>
          {cart.lines.length === 0 ? (
            <p className="soft cart-empty">
              Choose how many you want. Reserving keeps them for you for{' '}
              {wordsText(sale.reservation_ttl_seconds * 1000)}; you pay after that.
            </p>
          ) : (
            <CartLines cart={cart} sale={sale} />
          )}
          {reserve.error !== null && !(reserve.error instanceof TokenNeeded) && (
            <RefusalNotice error={reserve.error} nameOf={namesIn(sale)} />
          )}
          {takingUp && <Notice>Asking once more for what you reserved before…</Notice>}
          {cart.lines.length > 0 && (
            <Button
              look="primary"
              className="reserve"
              busy={reserve.isPending || takingUp}
              onClick={() => reserve.mutate()}
              whyNot={sale.status === 'not_open' ? 'the sale has not opened' : undefined}
            >
              {reserve.error !== null && mayHaveHappened(reserve.error)
                ? 'Ask again'
                : `Reserve ${unitsText(cart)}`}
            </Button>
          )}
        </section>
      )}
    </aside>
  );
}

function CartLines({ cart, sale }: { readonly cart: Cart; readonly sale: Sale }) {
  const lines = cart.lines.map(({ sku, quantity }) => {
    const item = sale.items.find((each) => each.sku === sku);
    return { sku, quantity, name: item?.name ?? sku, price: item?.price };
  });
  return <LinesTable lines={lines} caption="What you have chosen" />;
}

function unitsText(cart: Cart): string {
  const units = unitsIn(cart);
  return `${units} ${units === 1 ? 'unit' : 'units'}`;
}

/** Reserving by hand, and taking up again what an earlier load of the page left without an answer. */
function useReserving(sale: Sale, cart: Cart) {
  const shop = useShop();
  const customer = customerOf(useAccess());
  const note = useNoteReservation();
  const announce = useAnnounce();
  const [takingUp, setTakingUp] = useState(false);
  const saleId = sale.id;

  const take = useMemo(
    () => (cartId: string, outcome: Outcome) => {
      if (!outcome.earlier) shop.carts.finish(saleId, cartId);
      note(outcome.reservation);
      const { expires_at } = outcome.reservation;
      announce(`Reserved for you for ${wordsText(Date.parse(expires_at) - shop.store.clock.nowMs())}.`);
    },
    [shop, saleId, note, announce],
  );
  const reserve = useMutation({
    mutationFn: async () => {
      const outcome = await reserveOnce(shop.reserving, {
        saleId,
        customer: await shop.shopper.customer(),
        cart,
      });
      take(cart.id, outcome);
      return outcome;
    },
  });
  useEffect(() => {
    if (customer === undefined) return;
    let gone = false;
    const takeUp = async () => {
      const before = shop.carts.of(saleId);
      setTakingUp(
        shop.reserving.keep.read(`attempt.${saleId}.${customer}`)?.includes('"reservationId":null') ?? false,
      );
      try {
        const outcome = await takeUpAgain(shop.reserving, { saleId, customer, cart: before });
        if (outcome) take(before.id, outcome);
      } catch {
        // Refused, or still no answer: the cart is there to try again.
      } finally {
        if (!gone) setTakingUp(false);
      }
    };
    void takeUp();
    return () => {
      gone = true;
    };
  }, [shop, saleId, customer, take]);
  return { reserve, takingUp };
}

/** Live reservations of this sale, and those that ended before the shopper's eyes until they say that they saw it. */
function useHeldHere(saleId: string) {
  const { data = [] } = useReservations();
  const [watched, setWatched] = useState<ReadonlySet<string>>(new Set());
  const here = data.filter((reservation) => reservation.sale_id === saleId);
  const unseen = here.filter((each) => isLive(each) && !watched.has(each.reservation_id));
  const unseenIds = unseen.map(({ reservation_id }) => reservation_id).join();
  useEffect(() => {
    if (unseenIds !== '') setWatched((before) => new Set([...before, ...unseenIds.split(',')]));
  }, [unseenIds]);
  const shown: Reservation[] = here.filter((each) => isLive(each) || watched.has(each.reservation_id));
  const dismiss = (id: string) => setWatched((before) => new Set([...before].filter((each) => each !== id)));
  return { shown, dismiss };
}
