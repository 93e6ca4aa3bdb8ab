// The fields of a sale itself, for a new one and for a change.
import { TextField } from '../../shared/field.tsx';
import type { ChangeDraft } from './change-draft.ts';
import type { FieldProblems } from './sale-draft.ts';

type Fields = ChangeDraft & { readonly id?: string };

export interface SaleFieldsProps {
  readonly draft: Fields;
  readonly problems: FieldProblems;
  readonly onChange: (changed: Partial<ChangeDraft & { id: string }>) => void;
  /** Only a new sale's id can be chosen. */
  readonly withId?: boolean;
}

export function SaleFields({ draft, problems, onChange, withId = false }: SaleFieldsProps) {
  const field = (name: keyof ChangeDraft, pointer: string) => ({
    value: draft[name],
    error: problems.get(pointer),
    onChange: (event: { target: { value: string } }) => onChange({ [name]: event.target.value }),
  });
  const standard = withId ? ', if left empty' : '';
  return (
    <div className="fields">
      {withId && (
        <TextField
          label="Id"
          hint="Lower-case letters, digits and -; stands in addresses"
          required
          value={draft.id ?? ''}
          error={problems.get('/id')}
          onChange={(event) => onChange({ id: event.target.value })}
        />
      )}
      <TextField label="Name" required {...field('name', '/name')} />
      <TextField
        label="Opens"
        type="datetime-local"
        step={1}
        hint="Your time. Empty: open from the start"
        {...field('opensAt', '/opens_at')}
      />
      <TextField
        label="Closes"
        type="datetime-local"
        step={1}
        hint="Your time. Empty: open until it is closed"
        {...field('closesAt', '/closes_at')}
      />
      <TextField
        label="Time to pay"
        inputMode="numeric"
        hint={`Seconds that a reservation lives${withId ? `; 300${standard}` : '; for those made from now on'}`}
        {...field('ttlSeconds', '/reservation_ttl_seconds')}
      />
      <TextField
        label="Extensions"
        inputMode="numeric"
        hint={`How often a customer may extend${withId ? `; 1${standard}` : ''}`}
        {...field('maxExtensions', '/max_extensions')}
      />
      <TextField
        label="Longest life"
        inputMode="numeric"
        hint={`Seconds, extensions included${withId ? `; 900${standard}` : ''}`}
        {...field('maxLifetimeSeconds', '/max_lifetime_seconds')}
      />
      <TextField
        label="Cool down after"
        inputMode="numeric"
        hint="Reservations that a customer lets expire. Empty: never"
        {...field('cooldownExpirations', '/cooldown/expirations')}
      />
      <TextField
        label="Within"
        inputMode="numeric"
        hint="Minutes; then they wait until fewer lie within them"
        {...field('cooldownMinutes', '/cooldown/minutes')}
      />
    </div>
  );
}
