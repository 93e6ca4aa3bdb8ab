// A button that cannot be pressed stays focusable and keeps its place: a screen reader hears why (`whyNot`), and the
// keyboard is not thrown back to the top of the page when one becomes busy.
import type { ComponentProps, ReactNode } from 'react';

export type ButtonLook = 'primary' | 'quiet' | 'plain' | 'danger';

export interface ButtonProps extends Omit<ComponentProps<'button'>, 'disabled'> {
  readonly look?: ButtonLook;
  /** Something is under way that this button started. */
  readonly busy?: boolean;
  /** Why it cannot be pressed now, for those who cannot see it; pressing it does nothing then. */
  readonly whyNot?: string | undefined;
  readonly children: ReactNode;
}

export function Button({
  look = 'quiet',
  busy = false,
  whyNot,
  onClick,
  className,
  children,
  ...rest
}: ButtonProps) {
  const idle = busy || whyNot !== undefined;
  return (
    <button
      type="button"
      {...rest}
      className={`button button-${look}${className === undefined ? '' : ` ${className}`}`}
      aria-disabled={idle || undefined}
      data-busy={busy || undefined}
      onClick={(event) => {
        if (idle) event.preventDefault();
        else onClick?.(event);
      }}
    >
      {children}
      {whyNot !== undefined && <span className="visually-hidden"> ({whyNot})</span>}
    </button>
  );
}
