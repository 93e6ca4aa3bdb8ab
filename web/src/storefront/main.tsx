// The storefront's way in.
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { StoreProvider } from '../shared/store.tsx';
import { createShop, ShopProvider } from './shop.tsx';
import { Storefront } from './storefront.tsx';
import '../shared/tokens.css';
import '../shared/base.css';
import './storefront.css';
import './sale.css';
import './dock.css';

const root = document.getElementById('app');
if (root) {
  const shop = createShop();
  createRoot(root).render(
    <StrictMode>
      <StoreProvider store={shop.store}>
        <ShopProvider value={shop}>
          <Storefront />
        </ShopProvider>
      </StoreProvider>
    </StrictMode>,
  );
}
