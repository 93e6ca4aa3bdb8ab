// One thing that is right or not: a mark, a name, and words. Never colour alone.

export interface SignProps {
  readonly good: boolean;
  readonly label: string;
  readonly text: string;
}

export function Sign({ good, label, text }: SignProps) {
  return (
    <li className={good ? 'sign sign-good' : 'sign sign-bad'}>
      <span aria-hidden="true" className="sign-mark">
        {good ? '✓' : '!'}
      </span>
      <span className="strong">{label}</span>
      <span className="number">
        {!good && <span className="visually-hidden">Not right: </span>}
        {text}
      </span>
    </li>
  );
}
