// The race lab: shoppers race for the last units of a throwaway sale inside the service. Watch it, then read what the
// ledger says of it.
import { type FormEvent, useEffect, useState } from 'react';
import { useAnnounce } from '../../shared/announce.tsx';
import { Button } from '../../shared/button.tsx';
import { TextField } from '../../shared/field.tsx';
import { Notice } from '../../shared/notice.tsx';
import { FormProblems, problemsAtFields } from '../form-problems.tsx';
import { countText } from '../numbers.ts';
import type { FieldProblems } from '../sales/sale-draft.ts';
import { RaceCanvas } from './race-canvas.tsx';
import { type RaceDraft, raceBody, USUAL_RACE } from './race-draft.ts';
import { PLACES } from './race-picture.ts';
import type { RaceStage } from './race-stage.ts';
import { StockBar } from './stock-bar.tsx';
import { type RunningRace, useRace } from './use-race.ts';
import { Verdict } from './verdict.tsx';

const POINTERS = ['/shoppers', '/units', '/max_per_customer', '/seed'];
/** The counts beside the picture; the picture itself is drawn each frame. */
const SHOWN_EVERY_MS = 100;

export function RacePage() {
  const race = useRace();
  return (
    <>
      <h1>Race lab</h1>
      <p className="soft lead">
        Shoppers who retry, vanish, pay twice and change their minds race for a sale that is made for it and
        closed afterwards. They use the same stock store and the same ledger as customers do.
      </p>
      <RaceForm race={race} />
      {race.stage !== undefined && (
        <Stage key={race.stage.saleId} stage={race.stage} running={race.running} />
      )}
    </>
  );
}

function RaceForm({ race: { running, error, start, callOff } }: { readonly race: RunningRace }) {
  const [draft, setDraft] = useState<RaceDraft>(USUAL_RACE);
  const [local, setLocal] = useState<FieldProblems>();
  const fields = problemsAtFields(local, error, POINTERS);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const { body, problems } = raceBody(draft);
    setLocal(problems);
    if (body !== undefined && !running) start(body);
  };
  const field = (name: keyof RaceDraft, pointer: string) => ({
    inputMode: 'numeric' as const,
    value: draft[name],
    error: fields.get(pointer),
    onChange: (event: { target: { value: string } }) => setDraft({ ...draft, [name]: event.target.value }),
  });
  return (
    <form className="stack" onSubmit={submit} noValidate>
      <div className="fields fields-short">
        <TextField label="Shoppers" hint="2 to 2,000" required {...field('shoppers', '/shoppers')} />
        <TextField label="Units" hint="1 to 10,000" required {...field('units', '/units')} />
        <TextField
          label="Most a customer"
          hint="Empty: no cap"
          {...field('maxPerCustomer', '/max_per_customer')}
        />
        <TextField label="Seed" hint="Empty: a new one" {...field('seed', '/seed')} />
      </div>
      <FormProblems fields={fields} error={error} pointers={POINTERS} />
      <div className="actions">
        <Button look="primary" type="submit" busy={running}>
          Start the race
        </Button>
        {running && <Button onClick={callOff}>Call it off</Button>}
      </div>
    </form>
  );
}

function Stage({ stage, running }: { readonly stage: RaceStage; readonly running: boolean }) {
  useShown(stage);
  const announce = useAnnounce();
  const { state } = stage;
  useEffect(() => {
    if (state.kind === 'judged') {
      announce(
        `${state.verdict.ok ? 'All promises held' : 'A promise broke'}: ${state.verdict.winners} winners.`,
      );
    }
  }, [announce, state]);
  return (
    <section aria-label="The race" className="stack">
      <div className="race-picture">
        <Places stage={stage} />
        <RaceCanvas stage={stage} />
      </div>
      <StockBar levels={stage.levels} units={stage.units} />
      {state.kind === 'broken' && <Notice tone="bad" title={state.sentence} />}
      {state.kind === 'judged' && (
        <>
          <div className="actions">
            <Button onClick={() => stage.replay()} busy={stage.replaying} className="only-with-motion">
              Watch it again, slowly
            </Button>
            {stage.film.dropped > 0 && (
              <span className="small soft">
                Without the last {countText(stage.film.dropped)} answers: there were more than are kept.
              </span>
            )}
          </div>
          <Verdict verdict={state.verdict} seed={stage.seed} />
        </>
      )}
      {!running && state.kind === 'running' && <Notice tone="warn" title="The race was called off" />}
    </section>
  );
}

/** Above each zone of the picture, and all there is of it for those who want no motion. */
function Places({ stage }: { readonly stage: RaceStage }) {
  return (
    <dl className="places">
      {PLACES.map((place) => (
        <div key={place}>
          <dt>
            <span className={`swatch place-${place}`} aria-hidden="true" /> {place}
          </dt>
          <dd className="number">{countText(stage.picture.count(place))}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Renders again when the stage changed, at most ten times a second. */
function useShown(stage: RaceStage): void {
  const [, setVersion] = useState(0);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const show = () => {
      timer = undefined;
      setVersion((version) => version + 1);
    };
    const forget = stage.subscribe(() => {
      timer ??= setTimeout(show, SHOWN_EVERY_MS);
    });
    show();
    return () => {
      forget();
      clearTimeout(timer);
    };
  }, [stage]);
}
