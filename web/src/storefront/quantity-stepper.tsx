// How many: two buttons and a number between them that may be typed as well.
import { useId } from 'react';

export interface QuantityStepperProps {
  /** Of what, for those who do not see which card it is on. */
  readonly name: string;
  readonly value: number;
  /** The most that makes sense to ask for now. A larger value stays until it is changed. */
  readonly most: number;
  readonly onChange: (quantity: number) => void;
}

export function QuantityStepper({ name, value, most, onChange }: QuantityStepperProps) {
  const id = useId();
  const step = (by: number) => {
    const next = value + by;
    if (next >= 0 && (by < 0 || next <= most)) onChange(next);
  };
  return (
    <div className="stepper">
      <button
        type="button"
        className="stepper-button"
        aria-label={`One ${name} less`}
        aria-disabled={value <= 0 || undefined}
        onClick={() => step(-1)}
      >
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <path d="M3 8h10" />
        </svg>
      </button>
      <label className="visually-hidden" htmlFor={id}>
        Quantity of {name}
      </label>
      <input
        id={id}
        className="stepper-value number"
        inputMode="numeric"
        autoComplete="off"
        value={value}
        onFocus={(event) => event.target.select()}
        onChange={(event) => {
          const typed = Number(event.target.value.replace(/\D/g, ''));
          if (Number.isSafeInteger(typed)) onChange(Math.min(typed, Math.max(most, value)));
        }}
      />
      <button
        type="button"
        className="stepper-button"
        aria-label={`One ${name} more`}
        aria-disabled={value >= most || undefined}
        onClick={() => step(1)}
      >
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <path d="M3 8h10M8 3v10" />
        </svg>
      </button>
    </div>
  );
}
