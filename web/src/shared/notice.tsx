// Something the reader should know now. What went wrong interrupts a screen reader, everything else waits its turn.
import type { ReactNode } from 'react';

export type NoticeTone = 'plain' | 'good' | 'warn' | 'bad';

export interface NoticeProps {
  readonly tone?: NoticeTone;
  readonly title?: ReactNode;
  readonly children?: ReactNode;
}

export function Notice({ tone = 'plain', title, children }: NoticeProps) {
  return (
    <div className={`notice notice-${tone}`} role={tone === 'bad' ? 'alert' : 'status'}>
      {title !== undefined && <p className="notice-title">{title}</p>}
      {children}
    </div>
  );
}
