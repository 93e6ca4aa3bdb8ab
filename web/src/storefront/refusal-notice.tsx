import type { ReactNode } from 'react';
import { Notice } from '../shared/notice.tsx';
import { refusalText } from './refusals.ts';

export interface RefusalNoticeProps {
  readonly error: unknown;
  readonly nameOf?: (sku: string) => string;
  /** What can be done about it here. */
  readonly children?: ReactNode;
}

export function RefusalNotice({ error, nameOf, children }: RefusalNoticeProps) {
  const { title, sentence } = refusalText(error, nameOf);
  return (
    <Notice tone="bad" title={title}>
      <p>{sentence}</p>
      {children}
    </Notice>
  );
}
