// The browser's own modal dialog: focus stays inside, Escape closes, and what opened it has the focus again afterwards.
import { type ReactNode, useId, useLayoutEffect, useRef } from 'react';
import { Button } from './button.tsx';

export interface DialogProps {
  readonly title: ReactNode;
  readonly onClose: () => void;
  /** While true, neither Escape nor the button closes it. */
  readonly held?: boolean;
  readonly children: ReactNode;
}

/** Open as long as it is rendered. */
export function Dialog({ title, onClose, held = false, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  // Before it leaves the page, not after: only an orderly close gives the focus back to what opened it.
  useLayoutEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      className="dialog"
      aria-labelledby={titleId}
      onCancel={(event) => {
        event.preventDefault(); // whether it closes is the page's to say
        if (!held) onClose();
      }}
      onClose={() => {
        // Browsers close it at the second Escape, asked or not.
        if (dialog.current?.open) return;
        if (held) dialog.current?.showModal();
        else onClose();
      }}
    >
      <div className="dialog-head">
        <h2 id={titleId}>{title}</h2>
        <Button look="plain" onClick={onClose} whyNot={held ? 'wait until it is done' : undefined}>
          Close
        </Button>
      </div>
      {children}
    </dialog>
  );
}
