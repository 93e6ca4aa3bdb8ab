// The image, the compose file and the manifests, as far as they can be held against something without a container engine: schemas,
// linters, and the rest of this repository. `npm run bare-machine` runs the image's steps; docs/containers.md says what nobody ran.
import { describe, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { validate } from 'dockerfile-utils';
import { OPERATIONS } from '../contract/src/operations.ts';
import { admits, readDockerfile } from './containers/dockerfile.ts';
import { type Manifest, wrongWithManifest } from './containers/kubernetes.ts';

const root = path.join(import.meta.dir, '..');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');
const CONFIG = read('server/src/config.ts');
const PINNED = /^[a-z0-9./-]+:v?\d+\.\d+(\.\d+)?[a-z0-9.-]*$/;
const paths = OPERATIONS.map((operation) => operation.path);

describe('the image', () => {
  const text = read('deploy/Dockerfile');
  const stages = readDockerfile(text);
  const last = stages.at(-1);

  test('is a Dockerfile that the linter finds nothing in, on pinned bases', () => {
    expect(validate(text).map(({ message, range }) => `${range.start.line + 1}: ${message}`)).toEqual([]);
    for (const { image } of stages) expect(image).toMatch(PINNED);
  });

  test('runs as nobody in particular, says whether it is well, and needs no shell', () => {
    const [uid] = last?.user?.split(':') ?? [];
    expect(Number(uid)).toBeGreaterThan(0);
    expect(last?.healthcheck?.at(-1)).toBe('/app/healthcheck.ts');
    expect(last?.entrypoint?.at(-1)).toBe('/app/server/src/main.ts');
  });

  test('sets only settings that there are', () => {
    const set = last?.steps.flatMap((step) => (step.kind === 'env' ? Object.keys(step.values) : [])) ?? [];
    expect(set).toContain('HOST');
    for (const name of set.filter((one) => !one.startsWith('BUN_'))) expect(CONFIG).toContain(`'${name}'`);
  });

  test('is built without secrets, data, history and tests, and with what it needs', () => {
    const admitted = admits(read('.dockerignore'));
    for (const file of [
      '.env',
      'deploy/.env',
      '.git/config',
      '.holdfast/secrets/jwt',
      'node_modules/zod/package.json',
      'server/node_modules/x/index.js',
      'server/test/many-races.test.ts',
      'docs/security.md',
    ])
      expect(`${file} ${admitted(file)}`).toBe(`${file} false`);
    for (const file of [
      'package-lock.json',
      'server/lua/00-head.lua',
      'contract/openapi.json',
      'bench/package.json',
    ])
      expect(`${file} ${admitted(file)}`).toBe(`${file} true`);
  });

  test('is given each workspace, and whatever a configuration of its own sources extends', () => {
    const admitted = admits(read('.dockerignore'));
    const { workspaces } = JSON.parse(read('package.json')) as { workspaces: string[] };
    const needed = workspaces.flatMap((workspace) => {
      const config = path.join(workspace, 'tsconfig.json');
      if (!admitted(config) || !existsSync(path.join(root, config))) return [`${workspace}/package.json`];
      const { extends: base } = JSON.parse(read(config)) as { extends?: string };
      return [`${workspace}/package.json`, ...(base ? [path.join(workspace, base)] : [])];
    });
    expect(needed).toContain('tsconfig.json');
    expect(needed.filter((file) => !admitted(file))).toEqual([]);
  });
});

interface ComposeService {
  readonly image: string;
  readonly read_only?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly command?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}

/** In deploy/.env, and nowhere else. */
const SECRETS = [
  'HOLDFAST_JWT_SECRET',
  'POSTGRES_PASSWORD',
  'POSTGRES_SERVICE_PASSWORD',
  'REDIS_ADMIN_PASSWORD',
  'REDIS_PASSWORD',
];

describe('deploy/compose.yml', () => {
  const text = read('deploy/compose.yml');
  const compose = Bun.YAML.parse(text) as {
    services: Record<string, ComposeService>;
    volumes: Record<string, unknown>;
  };

  test('is a compose file by its schema, without an error of the linter', () => {
    const linter = path.join(root, 'node_modules/dclint/bin/dclint.cjs');
    const ran = spawnSync('node', [linter, '--quiet', 'deploy/compose.yml'], { cwd: root, encoding: 'utf8' });
    expect(`${ran.stdout}${ran.stderr}`).not.toContain('error');
    expect(ran.status).toBe(0);
  });

  test('a field that does not exist is an error of that linter', () => {
    const linter = path.join(root, 'node_modules/dclint/bin/dclint.cjs');
    const wrong = text.replace('    shm_size: 256m', '    shm_sise: 256m');
    const ran = spawnSync(
      'sh',
      ['-c', 'f=$(mktemp --suffix=.yml); cat > $f; node "$0" --quiet $f; s=$?; rm $f; exit $s', linter],
      {
        cwd: root,
        input: wrong,
        encoding: 'utf8',
      },
    );
    expect(ran.status).toBe(1);
  });

  test('pins every image, mounts what is there, and asks for every secret', () => {
    for (const { image, volumes = [] } of Object.values(compose.services)) {
      if (image !== 'holdfast:local') expect(image).toMatch(PINNED);
      for (const volume of volumes) {
        const [source = ''] = volume.split(':');
        if (source.startsWith('.')) expect(existsSync(path.join(root, 'deploy', source))).toBe(true);
        else expect(Object.keys(compose.volumes)).toContain(source);
      }
    }
    for (const [, name = '', ending] of text.matchAll(/\$\{(\w+)([^}]*)\}/g)) {
      expect(SECRETS).toContain(name);
      expect(ending).toStartWith(':?');
    }
    for (const name of SECRETS) expect(text.split('\nname:')[0]).toContain(name);
  });

  test('runs two services on a read-only root with settings that there are, scraped and balanced', () => {
    const ours = Object.entries(compose.services).filter(
      ([name, { image }]) => image === 'holdfast:local' && name !== 'migrate',
    );
    expect(ours.map(([name]) => name)).toEqual(['holdfast-1', 'holdfast-2']);
    for (const [name, { read_only, environment = {} }] of ours) {
      expect(read_only).toBe(true);
      for (const setting of Object.keys(environment)) expect(CONFIG).toContain(`'${setting}'`);
      expect(read('deploy/prometheus/prometheus.yml')).toContain(`'${name}:9464'`);
      expect(read('deploy/haproxy.cfg')).toContain(`server ${name} ${name}:8080`);
    }
  });

  test('knows the owner of the ledger only where it is migrated, before the services', () => {
    const { migrate, postgres } = compose.services;
    const owner = /postgres:\/\/holdfast:\$\{POSTGRES_PASSWORD:/;
    expect(migrate?.environment?.DATABASE_URL).toMatch(owner);
    expect(migrate?.command).toEqual(['migrate', '--service-role', 'holdfast_service']);
    for (const service of [compose.services['holdfast-1'], compose.services['holdfast-2']]) {
      expect(JSON.stringify(service)).not.toMatch(/POSTGRES_PASSWORD|ADMIN/);
      expect(service?.environment?.DATABASE_URL).toContain('postgres://holdfast_service:${POSTGRES_SERVICE_');
      expect(service?.environment?.REDIS_URL).toStartWith('redis://holdfast:$');
      expect(service?.depends_on?.migrate?.condition).toBe('service_completed_successfully');
    }
    const script = read('deploy/postgres/service-role.sql');
    expect(script).toContain('CREATE ROLE holdfast_service ');
    const [, named = ''] = /^\\getenv \w+ (\w+)$/m.exec(script) ?? [];
    expect(Object.keys(postgres?.environment ?? {})).toContain(named);
  });

  test('Redis is started with the users of deploy/redis, their passwords filled in', () => {
    const { redis } = compose.services;
    const [fill = '', start] = redis?.command?.at(-1)?.split(' exec ') ?? [];
    expect(start).toMatch(/^redis-server .*--aclfile \/run\/redis\/users\.acl$/);
    const { stdout } = spawnSync(
      'sh',
      [
        '-c',
        `${fill.replaceAll('$$', '$').replace('/etc/', 'deploy/').replace('> /run/redis/users.acl', '')} true`,
      ],
      {
        cwd: root,
        encoding: 'utf8',
        env: { ...process.env, REDIS_PASSWORD: 'ours', REDIS_ADMIN_PASSWORD: 'theirs' },
      },
    );
    const [off, admin, ours, ...others] = stdout.trimEnd().split('\n');
    expect([off, others]).toEqual(['user default off', []]);
    expect(admin).toStartWith('user admin on >theirs ');
    expect(ours).toStartWith('user holdfast on >ours ');
  });

  test('Prometheus and Grafana are given the rules and the dashboards of this repository', () => {
    const prometheus = Bun.YAML.parse(read('deploy/prometheus/prometheus.yml')) as { rule_files: string[] };
    expect(compose.services.prometheus?.volumes).toContain('./prometheus/rules:/etc/prometheus/rules:ro');
    expect(prometheus.rule_files).toEqual(['/etc/prometheus/rules/*.yml']);
    const provider = Bun.YAML.parse(read('deploy/grafana/provisioning/dashboards/holdfast.yml')) as {
      providers: { options: { path: string } }[];
    };
    expect(compose.services.grafana?.volumes).toContain(
      `./grafana/dashboards:${provider.providers[0]?.options.path}:ro`,
    );
    const source = Bun.YAML.parse(read('deploy/grafana/provisioning/datasources/holdfast.yml')) as {
      datasources: { uid: string }[];
    };
    for (const file of readdirSync(path.join(root, 'deploy/grafana/dashboards')))
      expect(read(`deploy/grafana/dashboards/${file}`)).toContain(`"uid": "${source.datasources[0]?.uid}"`);
  });
});

describe('deploy/kubernetes', () => {
  const manifests = readdirSync(path.join(root, 'deploy/kubernetes')).flatMap((file) =>
    // Bun gives an array for a file of several documents.
    [Bun.YAML.parse(read(`deploy/kubernetes/${file}`)) as Manifest | Manifest[]].flat(),
  );
  const kinds = manifests.map(({ kind }) => kind);

  test('has a Deployment, a Service, a PodDisruptionBudget, a NetworkPolicy and a ConfigMap', () => {
    expect(kinds.toSorted()).toEqual([
      'ConfigMap',
      'Deployment',
      'NetworkPolicy',
      'PodDisruptionBudget',
      'Service',
    ]);
  });

  for (const manifest of manifests) {
    test(`${manifest.kind} is one by Kubernetes's schema, and has no field that is none`, () => {
      expect(wrongWithManifest(manifest)).toEqual([]);
    });
  }

  test('a field that does not exist, and one of another type, are noticed', () => {
    const base = { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name: 'x' } };
    expect(wrongWithManifest({ ...base, spec: { minAvailabel: 1 } })).toEqual([
      '/spec/minAvailabel is no field',
    ]);
    expect(wrongWithManifest({ ...base, spec: { selector: 'x' } })).toHaveLength(1);
  });

  test('probes ask for pages that there are; every selector selects the pods; the root is read-only', () => {
    const deployment = manifests.find(({ kind }) => kind === 'Deployment') as never as {
      spec: {
        selector: { matchLabels: object };
        template: { metadata: { labels: object }; spec: { containers: Record<string, never>[] } };
      };
    };
    const { template, selector } = deployment.spec;
    expect(selector.matchLabels).toEqual(template.metadata.labels);
    const service = manifests.find(({ kind }) => kind === 'Service') as never as {
      spec: { selector: object };
    };
    expect(service.spec.selector).toEqual(template.metadata.labels);
    const [container] = template.spec.containers as never as {
      securityContext: object;
      [probe: string]: { httpGet: { path: string } } | object;
    }[];
    for (const name of ['startupProbe', 'livenessProbe', 'readinessProbe']) {
      const probe = container?.[name] as { httpGet: { path: string } } | undefined;
      expect(paths).toContain(probe?.httpGet.path ?? name);
    }
    expect(container?.securityContext).toMatchObject({
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
    });
  });

  test('only the container that migrates is told who owns the ledger', () => {
    const deployment = manifests.find(({ kind }) => kind === 'Deployment') as never as {
      spec: { template: { spec: Record<'initContainers' | 'containers', readonly { args?: string[] }[]> } };
    };
    const { initContainers, containers } = deployment.spec.template.spec;
    expect(JSON.stringify(initContainers)).toContain('holdfast-owner');
    expect(initContainers[0]?.args).toEqual(['migrate', '--service-role', 'holdfast_service']);
    expect(JSON.stringify(containers)).not.toContain('holdfast-owner');
  });

  test('the ConfigMap has settings that there are', () => {
    const { data } = manifests.find(({ kind }) => kind === 'ConfigMap') as never as { data: object };
    for (const setting of Object.keys(data)) expect(CONFIG).toContain(`'${setting}'`);
  });
});
