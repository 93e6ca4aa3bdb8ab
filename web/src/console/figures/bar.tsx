// A share as a bar beside its figure. Drawn, not styled: the page's policy allows no style in the markup.

/** `share` is 0…1; what is nothing is an empty bar. */
export function Bar({ share, tone = 'accent' }: { readonly share: number | null; readonly tone?: string }) {
  const width = Math.max(0, Math.min(1, share ?? 0)) * 100;
  return (
    <svg className={`bar bar-${tone}`} viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
      <rect width={width} height="1" />
    </svg>
  );
}
