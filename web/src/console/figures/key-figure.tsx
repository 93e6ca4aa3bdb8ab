// A figure that is read from across the room.
import type { ReactNode } from 'react';

export interface KeyFigureProps {
  readonly label: string;
  readonly value: ReactNode;
  readonly note?: ReactNode;
  /** The swatch of the plot that it belongs to. */
  readonly swatch?: 'available' | 'reserved' | 'sold';
}

export function KeyFigure({ label, value, note, swatch }: KeyFigureProps) {
  return (
    <div className="key-figure">
      <dt>
        {swatch !== undefined && <span className={`swatch swatch-${swatch}`} aria-hidden="true" />}
        {label}
      </dt>
      <dd>
        <span className="key-value number">{value}</span>
        <span className="key-note number">{note}</span>
      </dd>
    </div>
  );
}
