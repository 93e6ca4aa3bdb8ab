// The console's way in.
import { createRoot } from 'react-dom/client';
import 'uplot/dist/uPlot.min.css';
import '../shared/tokens.css';
import '../shared/base.css';
import './console.css';
import './figures.css';
import './race.css';
import { Console } from './console.tsx';
import { createOperatorStore } from './operator-store.ts';
import { openSession, Session } from './session/session.ts';

const root = document.getElementById('app');
if (root) {
  const session = new Session();
  openSession(session, window.location, window.history);
  createRoot(root).render(<Console store={createOperatorStore(session)} />);
}
