// A part of a page with a heading of its own.
import { type ReactNode, useId } from 'react';

export interface PanelProps {
  readonly title: string;
  readonly wide?: boolean;
  /** Beside the title: a choice, a state. */
  readonly aside?: ReactNode;
  readonly children: ReactNode;
}

export function Panel({ title, wide = false, aside, children }: PanelProps) {
  const id = useId();
  return (
    <section className={wide ? 'panel panel-wide' : 'panel'} aria-labelledby={id}>
      <div className="panel-head">
        <h2 id={id}>{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  );
}
