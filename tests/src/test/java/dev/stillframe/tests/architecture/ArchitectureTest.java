package dev.stillframe.tests.architecture;

import static com.tngtech.archunit.core.domain.JavaAccess.Predicates.target;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.assignableTo;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.nameMatching;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.methods;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.library.dependencies.SlicesRuleDefinition;
import io.micrometer.core.instrument.Clock;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.net.InetAddress;
import java.time.Instant;
import java.util.List;
import java.util.stream.Stream;

/**
 * Data flows one way, memory to capture to pages to wire to image, and so does knowledge: a package
 * knows what its rule names and nothing else of ours. Rules whose package is not there yet hold
 * trivially.
 */
@AnalyzeClasses(packages = "dev.stillframe", importOptions = ImportOption.DoNotIncludeTests.class)
final class ArchitectureTest {
    private static final String ROOT = "dev.stillframe.";
    private static final String ENGINE = ROOT + "engine..";

    @ArchTest
    static final ArchRule onlyEngineLinuxAndTheHashLinkNativeCode =
            noClasses()
                    .that()
                    .resideOutsideOfPackage(ROOT + "engine.linux..")
                    .and()
                    .doNotHaveFullyQualifiedName(ROOT + "engine.instant.SystemXxHash")
                    .should()
                    .dependOnClassesThat()
                    .areAssignableTo(Linker.class)
                    .orShould()
                    .dependOnClassesThat()
                    .areAssignableTo(SymbolLookup.class);

    @ArchTest
    static final ArchRule theEngineKnowsNeitherNettyNorTheCommandLine =
            noClasses()
                    .that()
                    .resideInAPackage(ENGINE)
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage(
                            "io.netty..",
                            "picocli..",
                            "me.tongfei..",
                            ROOT + "transport..",
                            ROOT + "agent..");

    /** So that a thread dump names each, and one list all of them. */
    @ArchTest
    static final ArchRule threadsAreMadeInOnePlace =
            noClasses()
                    .that()
                    .resideOutsideOfPackage(ROOT + "engine.thread..")
                    .should()
                    .callMethodWhere(
                            target(owner(assignableTo(Thread.class)))
                                    .and(
                                            target(
                                                    nameMatching(
                                                            "ofPlatform|ofVirtual|startVirtualThread"))))
                    .orShould()
                    .callConstructorWhere(target(owner(assignableTo(Thread.class))));

    /** A name server that does not answer would hold up a capture. */
    @ArchTest
    static final ArchRule captureLooksUpNoNames =
            noClasses()
                    .that()
                    .resideInAnyPackage(
                            ROOT + "engine.capture..",
                            ROOT + "engine.process..",
                            ROOT + "engine.linux..")
                    .should()
                    .dependOnClassesThat()
                    .areAssignableTo(InetAddress.class);

    @ArchTest
    static final ArchRule theTransportSeesOnlyPagesAndImages =
            noClasses()
                    .that()
                    .resideInAPackage(ROOT + "transport..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage(
                            ROOT + "engine.capture..",
                            ROOT + "engine.linux..",
                            ROOT + "engine.process..",
                            ROOT + "agent..")
                    .allowEmptyShould(true);

    @ArchTest static final ArchRule memoryIsPlainValues = onlyKnows("engine.memory");

    @ArchTest static final ArchRule threadsKnowNothing = onlyKnows("engine.thread");

    @ArchTest static final ArchRule timeKnowsNothing = onlyKnows("engine.time");

    /** So that tests own it: whoever looks at a clock was given it. */
    @ArchTest
    static final ArchRule timeIsAParameter = asksNobodyForTheTime("engine..", "transport..");

    /** The command line does ask, which shows that the rule would notice. */
    @ArchTest
    static void theRuleOfTimeCanFail(JavaClasses all) {
        assertThat(asksNobodyForTheTime("agent..").evaluate(all).hasViolation()).isTrue();
    }

    /** Where a program begins to use us without a registry. */
    @ArchTest
    static final ArchRule theClockOfTheSystemIsNamedAtEntriesOnly =
            noClasses()
                    .that()
                    .resideInAnyPackage(ENGINE, ROOT + "transport..")
                    .and()
                    .doNotHaveFullyQualifiedName(ROOT + "engine.arena.MemoryArena")
                    .and()
                    .doNotHaveFullyQualifiedName(ROOT + "engine.nativearena.NativeArena")
                    .and()
                    .doNotHaveFullyQualifiedName(ROOT + "transport.reader.ReaderOptions")
                    .should()
                    .accessField(Clock.class, "SYSTEM");

    @ArchTest
    static final ArchRule linuxKnowsMemoryOnly = onlyKnows("engine.linux", "engine.memory");

    @ArchTest
    static final ArchRule theModelOfTheMmuKnowsErrorNumbersOnly =
            onlyKnows("engine.mmu", "engine.memory", "engine.time", "engine.linux");

    @ArchTest
    static final ArchRule trackingKnowsMemoryAndLinux =
            onlyKnows("engine.tracking", "engine.memory", "engine.linux");

    @ArchTest static final ArchRule documentsKnowNothing = onlyKnows("engine.document");

    @ArchTest
    static final ArchRule anInstantKnowsMemoryOnly =
            onlyKnows("engine.instant", "engine.memory", "engine.document");

    @ArchTest
    static final ArchRule pagesKnowTheInstantThatTheyAreOf =
            onlyKnows("engine.page", "engine.memory", "engine.instant");

    @ArchTest
    static final ArchRule targetsKnowMemoryAndLinux =
            onlyKnows(
                    "engine.process",
                    "engine.memory",
                    "engine.time",
                    "engine.thread",
                    "engine.instant",
                    "engine.tracking",
                    "engine.linux");

    @ArchTest
    static final ArchRule captureDoesNotKnowWhoIsBehindASink =
            onlyKnows(
                    "engine.capture",
                    "engine.memory",
                    "engine.time",
                    "engine.thread",
                    "engine.instant",
                    "engine.page",
                    "engine.staging",
                    "engine.process",
                    "engine.tracking",
                    "engine.linux");

    @ArchTest
    static final ArchRule stagingKnowsMemoryAndPagesOnly =
            onlyKnows("engine.staging", "engine.memory", "engine.instant", "engine.page");

    /** Above all not linux: arenas are for every operating system. */
    @ArchTest
    static final ArchRule arenasKnowPagesStagingAndImages =
            onlyKnows(
                    "engine.arena",
                    "engine.memory",
                    "engine.time",
                    "engine.thread",
                    "engine.instant",
                    "engine.page",
                    "engine.staging",
                    "engine.image");

    @ArchTest
    static final ArchRule imagesAreForEveryOperatingSystem =
            onlyKnows(
                    "engine.image",
                    "engine.memory",
                    "engine.document",
                    "engine.instant",
                    "engine.page");

    @ArchTest
    static final ArchRule memoryThatComesLaterDoesNotKnowFromWhere =
            onlyKnows(
                    "engine.postcopy",
                    "engine.memory",
                    "engine.time",
                    "engine.thread",
                    "engine.instant",
                    "engine.page",
                    "engine.process",
                    "engine.linux");

    @ArchTest
    static final ArchRule conformanceKnowsTheKernelAndTheModel =
            onlyKnows(
                    "engine.conformance",
                    "engine.linux",
                    "engine.mmu",
                    "engine.memory",
                    "engine.time");

    @ArchTest
    static final ArchRule onlyTheCommandLineRunsConformance =
            noClasses()
                    .that()
                    .resideOutsideOfPackages(
                            ROOT + "engine.conformance..", ROOT + "agent.cli..", ROOT + "tests..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAPackage(ROOT + "engine.conformance..");

    @ArchTest
    static final ArchRule chronicleStaysInImagesAndArenas =
            noClasses()
                    .that()
                    .resideOutsideOfPackages(ROOT + "engine.image..", ROOT + "engine.arena..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage("net.openhft.chronicle..");

    @ArchTest
    static final ArchRule nettyStaysInTheTransportAndInTheChannelToQemu =
            noClasses()
                    .that()
                    .resideOutsideOfPackages(ROOT + "transport..", ROOT + "agent.qemu..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage("io.netty..");

    @ArchTest
    static final ArchRule onlyTheAgentAndTheFaultHandlerHaveAMain =
            methods()
                    .that()
                    .haveName("main")
                    .and()
                    .areStatic()
                    .should()
                    .beDeclaredInClassesThat()
                    .resideInAnyPackage(ROOT + "agent..", ROOT + "engine.nativearena..")
                    .allowEmptyShould(true);

    @ArchTest
    static final ArchRule packagesHaveNoCycles =
            SlicesRuleDefinition.slices()
                    .matching("dev.stillframe.(*).(*)..")
                    .should()
                    .beFreeOfCycles();

    private static ArchRule asksNobodyForTheTime(String... packages) {
        return noClasses()
                .that()
                .resideInAnyPackage(Stream.of(packages).map(ROOT::concat).toArray(String[]::new))
                .should()
                .accessTargetWhere(
                        calls(System.class, "nanoTime|currentTimeMillis")
                                .or(calls(Instant.class, "now"))
                                .or(calls(java.time.Clock.class, "system.*")));
    }

    private static DescribedPredicate<JavaAccess<?>> calls(Class<?> type, String names) {
        return target(owner(assignableTo(type)))
                .and(target(nameMatching(names)))
                .as(type.getSimpleName() + "." + names);
    }

    /** A package may use itself, the packages named, and whatever is not ours. */
    private static ArchRule onlyKnows(String module, String... others) {
        List<String> known =
                Stream.concat(Stream.of(module), Stream.of(others)).map(ROOT::concat).toList();
        return classes()
                .that()
                .resideInAPackage(ROOT + module + "..")
                .should()
                .onlyDependOnClassesThat(
                        DescribedPredicate.describe(
                                "are in " + known + " or not ours",
                                type ->
                                        !type.getPackageName().startsWith(ROOT)
                                                || known.stream()
                                                        .anyMatch(
                                                                type.getPackageName()::startsWith)))
                .allowEmptyShould(true);
    }
}
