// A picture for an item that has none: drawn from its SKU, so that it is the same everywhere and differs from its
// neighbours. Decoration only.

/** FNV-1a: short, and near SKUs end far apart. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    hash ^= text.charCodeAt(at);
    hash = Math.imul(hash, 0x01000193);
  }
  return hash >>> 0;
}

const PALETTES = [
  ['#12372f', '#f3c969', '#e9e2d0', '#5f8f7f'],
  ['#1f2f4d', '#f0a58f', '#f3e9dc', '#6f87b3'],
  ['#4a1f2e', '#f2b8a0', '#f5e6dc', '#a9647c'],
  ['#33401f', '#e8d27a', '#f1ecd8', '#8aa05a'],
  ['#2c2350', '#b9a8f0', '#eee8f7', '#7a68b8'],
  ['#4b2f14', '#f0b060', '#f6e9d4', '#b07a3c'],
] as const;

export function ItemArt({ sku }: { readonly sku: string }) {
  const hash = hashOf(sku);
  const palette = PALETTES[hash % PALETTES.length] ?? PALETTES[0];
  const [ground, bright, pale, middle] = palette;
  const turn = (hash >>> 8) % 4;
  const kind = (hash >>> 12) % 5;
  return (
    <svg className="item-art" viewBox="0 0 120 90" preserveAspectRatio="xMidYMid slice" aria-hidden="true">
      <rect width="120" height="90" fill={ground} />
      <g transform={`rotate(${turn * 90} 60 45)`}>{shapes(kind, bright, pale, middle, hash)}</g>
    </svg>
  );
}

function shapes(kind: number, bright: string, pale: string, middle: string, hash: number) {
  const shift = (hash >>> 16) % 24;
  switch (kind) {
    case 0:
      return (
        <>
          <circle cx={48 + shift} cy="45" r="34" fill={middle} />
          <circle cx={60 + shift} cy="45" r="22" fill={pale} />
          <circle cx={70 + shift} cy="45" r="11" fill={bright} />
        </>
      );
    case 1:
      return (
        <>
          <path d={`M0 ${60 - shift} L60 0 L120 ${60 - shift} V140 H0 Z`} fill={middle} />
          <path d={`M0 ${86 - shift} L60 ${28} L120 ${86 - shift} V140 H0 Z`} fill={pale} />
          <circle cx="60" cy="12" r="9" fill={bright} />
        </>
      );
    case 2:
      return (
        <>
          {[0, 1, 2, 3, 4].map((bar) => (
            <rect
              key={bar}
              x={14 + bar * 20}
              y={18 + ((hash >>> (bar * 3)) % 8) * 5}
              width="12"
              height="90"
              rx="6"
              fill={[middle, pale, bright][(bar + shift) % 3]}
            />
          ))}
        </>
      );
    case 3:
      return (
        <>
          <path d="M-20 90 A80 80 0 0 1 140 90" fill="none" stroke={middle} strokeWidth="16" />
          <path d="M6 90 A54 54 0 0 1 114 90" fill="none" stroke={pale} strokeWidth="14" />
          <circle cx="60" cy={80 - shift / 2} r="20" fill={bright} />
        </>
      );
    default:
      return (
        <>
          <rect x={20 + shift / 2} y="10" width="56" height="56" rx="10" fill={middle} />
          <rect x={44 - shift / 3} y="28" width="52" height="52" rx="26" fill={pale} opacity="0.92" />
          <rect x="62" y="24" width="18" height="18" rx="4" fill={bright} />
        </>
      );
  }
}
