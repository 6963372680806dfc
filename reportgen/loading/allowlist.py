"""The allowlist of what a model's configuration may ask Keras for: plain layers and their parts, each by name.

Keras's own list, its safe mode, names what it knows to be dangerous and lets everything else through. This one names what is
known to be harmless: no class here takes code, the path of a file (except for lookups, see `LOOKUPS`) or another model's name.
"""

from __future__ import annotations

import re


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


LAYERS = _names("""
    Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D
    AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D Add AdditiveAttention AlphaDropout Attention AugMix
    AutoContrast Average AveragePooling1D AveragePooling2D AveragePooling3D AvgPool1D AvgPool2D AvgPool3D BatchNormalization
    Bidirectional CategoryEncoding CenterCrop Concatenate ContrastLimitedAdaptiveHistogramEqualization Conv1D Conv1DTranspose
    Conv2D Conv2DTranspose Conv3D Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D Convolution1D Convolution1DTranspose
    Convolution2D Convolution2DTranspose Convolution3D Convolution3DTranspose Cropping1D Cropping2D Cropping3D CutMix Dense
    DepthwiseConv1D DepthwiseConv2D Discretization Dot Dropout ELU EinsumDense Embedding Equalization Flatten GRU GRUCell
    GaussianDropout GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalAvgPool1D
    GlobalAvgPool2D GlobalAvgPool3D GlobalMaxPool1D GlobalMaxPool2D GlobalMaxPool3D GlobalMaxPooling1D GlobalMaxPooling2D
    GlobalMaxPooling3D GroupNormalization GroupQueryAttention GroupedQueryAttention HashedCrossing Hashing Identity InputLayer
    IntegerLookup LSTM LSTMCell Layer LayerNormalization LeakyReLU Masking MaxNumBoundingBoxes MaxPool1D MaxPool2D MaxPool3D
    MaxPooling1D MaxPooling2D MaxPooling3D Maximum MelSpectrogram Minimum MixUp MultiHeadAttention Multiply Normalization PReLU
    Permute Pipeline RMSNormalization RNN RandAugment RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast
    RandomCrop RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale RandomHue RandomInvert
    RandomPerspective RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation
    RandomZoom ReLU RepeatVector Rescaling Reshape Resizing ReversibleEmbedding STFTSpectrogram SeparableConv1D SeparableConv2D
    SeparableConvolution1D SeparableConvolution2D SimpleRNN SimpleRNNCell Softmax Solarization SpatialDropout1D SpatialDropout2D
    SpatialDropout3D SpectralNormalization StackedRNNCells StringLookup Subtract TextVectorization TimeDistributed
    UnitNormalization UpSampling1D UpSampling2D UpSampling3D Wrapper ZeroPadding1D ZeroPadding2D ZeroPadding3D
""")
# these take functions, bytecode, pickles or another model's path; the last three make TensorFlow look up types
CODE = _names("Lambda TFSMLayer TorchModuleWrapper JaxLayer FlaxLayer TypeSpec CompositeTensor __typespec__")
# these take a vocabulary, or the path of one; only the path is refused
LOOKUPS = _names("StringLookup IntegerLookup TextVectorization")
LOOKUP_PATHS = _names("vocabulary idf_weights")
MODELS = _names("Functional Model Sequential")
INITIALIZERS = _names("""
    Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity IdentityInitializer Initializer LecunNormal LecunUniform Ones
    Orthogonal OrthogonalInitializer RandomNormal RandomUniform STFT STFTInitializer TruncatedNormal VarianceScaling Zeros
    constant glorot_normal glorot_uniform he_normal he_uniform identity initializer lecun_normal lecun_uniform normal one ones
    orthogonal random_normal random_uniform stft truncated_normal uniform variance_scaling zero zeros
""")
REGULARIZERS = _names("L1 L1L2 L2 OrthogonalRegularizer Regularizer l1 l1_l2 l1l2 l2 orthogonal_regularizer regularizer")
CONSTRAINTS = _names("""
    Constraint MaxNorm MinMaxNorm NonNeg UnitNorm constraint max_norm min_max_norm non_neg unit_norm
""")
POLICIES = _names("""
    AWQDTypePolicy DTypePolicy DTypePolicyMap FloatDTypePolicy GPTQDTypePolicy Int4DTypePolicy Policy QuantizedDTypePolicy
    QuantizedFloat8DTypePolicy
""")
QUANTIZERS = _names("""
    AWQConfig AbsMaxQuantizer Float8QuantizationConfig GPTQConfig Int4QuantizationConfig Int8QuantizationConfig
    QuantizationConfig Quantizer
""")
LOSSES = _names("""
    BinaryCrossentropy BinaryFocalCrossentropy CTC CategoricalCrossentropy CategoricalFocalCrossentropy
    CategoricalGeneralizedCrossEntropy CategoricalHinge Circle CosineSimilarity Dice Hinge Huber KLDivergence LogCosh Loss
    MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError Poisson
    SparseCategoricalCrossentropy SquaredHinge Tversky
""")
METRICS = _names("""
    AUC Accuracy BinaryAccuracy BinaryCrossentropy BinaryIoU CategoricalAccuracy CategoricalCrossentropy CategoricalHinge
    ConcordanceCorrelation CosineSimilarity F1Score FBetaScore FalseNegatives FalsePositives Hinge IoU KLDivergence LogCoshError
    Mean MeanAbsoluteError MeanAbsolutePercentageError MeanIoU MeanMetricWrapper MeanSquaredError MeanSquaredLogarithmicError
    Metric OneHotIoU OneHotMeanIoU PearsonCorrelation Poisson Precision PrecisionAtRecall R2Score Recall RecallAtPrecision
    RootMeanSquaredError SensitivityAtSpecificity SparseCategoricalAccuracy SparseCategoricalCrossentropy
    SparseTopKCategoricalAccuracy SpecificityAtSensitivity SquaredHinge Sum TopKCategoricalAccuracy TrueNegatives TruePositives
""")
OPTIMIZERS = _names("""
    Adadelta Adafactor Adagrad Adam AdamW Adamax Ftrl Lamb Lion LossScaleOptimizer MultiOptimizer Muon Nadam Optimizer
    OptimizerMap RMSprop SGD ScheduleFreeAdamW
""")
SCHEDULES = _names("""
    CosineDecay CosineDecayRestarts ExponentialDecay InverseTimeDecay LearningRateSchedule PiecewiseConstantDecay
    PolynomialDecay
""")
CLASSES = {
    "keras.layers": LAYERS,
    "keras": MODELS | _names("DTypePolicy FloatDTypePolicy Layer"),
    "keras.models": MODELS,
    "keras.src.models": MODELS,
    "keras.src.models.functional": MODELS,
    "keras.src.models.model": MODELS,
    "keras.src.models.sequential": MODELS,
    # Keras 2 wrote these; Keras 3 has no such modules, and says so
    "keras.engine.functional": MODELS,
    "keras.engine.sequential": MODELS,
    "keras.src.engine.functional": MODELS,
    "keras.src.engine.sequential": MODELS,
    "keras.initializers": INITIALIZERS,
    "keras.regularizers": REGULARIZERS,
    "keras.constraints": CONSTRAINTS,
    "keras.dtype_policies": POLICIES,
    "keras.mixed_precision": POLICIES | _names("LossScaleOptimizer"),
    "keras.quantizers": QUANTIZERS,
    "keras.random": _names("SeedGenerator"),
    "keras.losses": LOSSES,
    "keras.metrics": METRICS,
    "keras.optimizers": OPTIMIZERS,
    "keras.optimizers.schedules": SCHEDULES,
    "keras.src.applications.convnext": _names("LayerScale StochasticDepth"),
    "keras.src.applications.inception_resnet_v2": _names("CustomScaleLayer"),
}
# Keras 2 names no module; Keras 3 looks the name up among the classes allowed in that place, and all of them are listed here
WITHOUT_MODULE = frozenset[str]().union(*CLASSES.values())
# what a functional model holds for a bare `x + y`: a class per operation, in one of these modules
OPERATIONS = _names("""
    keras.src.ops.core keras.src.ops.einops keras.src.ops.image keras.src.ops.linalg keras.src.ops.math keras.src.ops.nn
    keras.src.ops.numpy
""")
OPERATION = re.compile(r"[A-Z][A-Za-z0-9]*", re.ASCII)
TAKE_FUNCTIONS = _names("Map Scan AssociativeScan Switch WhileLoop ForiLoop Cond VectorizedMap JVP Operation Function")
ACTIVATIONS = _names("""
    celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu linear log_sigmoid
    log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus sparse_sigmoid sparsemax
    squareplus swish tanh tanh_shrink threshold
""")
MEASURES = _names("""
    BCE KLD MAE MAPE MSE MSLE bce binary_accuracy binary_crossentropy binary_focal_crossentropy categorical_accuracy
    categorical_crossentropy categorical_focal_crossentropy categorical_generalized_cross_entropy categorical_hinge circle
    concordance_correlation cosine_similarity ctc dice hinge huber kl_divergence kld log_cosh mae mape mean_absolute_error
    mean_absolute_percentage_error mean_squared_error mean_squared_logarithmic_error mse msle pearson_correlation poisson
    sparse_categorical_accuracy sparse_categorical_crossentropy sparse_top_k_categorical_accuracy squared_hinge
    top_k_categorical_accuracy tversky
""")
ELEMENTWISE = _names("""
    abs absolute add arccos arccosh arcsin arcsinh arctan arctan2 arctanh cbrt ceil celu clip cos cosh divide divide_no_nan elu
    erf erfc erfinv exp exp2 expm1 floor floor_divide gelu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh
    leaky_relu log log10 log1p log2 log_sigmoid logaddexp maximum minimum mod multiply negative power reciprocal relu relu6 round
    rsqrt selu sigmoid sign silu sin sinh soft_shrink softplus softsign sparse_plus sparse_sigmoid sqrt square squareplus
    subtract swish tan tanh tanh_shrink threshold true_divide trunc
""")
FUNCTIONS = {
    "keras.activations": ACTIVATIONS,
    "keras.losses": MEASURES,
    "keras.metrics": MEASURES,
    "keras.ops": ELEMENTWISE,
    "builtins": ACTIVATIONS | MEASURES,  # Keras writes this for any function, and looks it up in the modules above
}
# values written as objects: Keras turns them into numbers, text or a place in the graph
VALUES = _names("__keras_tensor__ __tensor__ __numpy__ __bytes__ __ellipsis__ __slice__ __tuple__ TensorShape")
# words that Keras takes for its own functions if an HDF5 file has them as a layer's argument
FUNCTION_WORDS = _names("deserialize serialize")
KERAS_HUB = "keras_hub"
HUB_READERS = "Tokenizer"  # the last word in the names of KerasHub classes that take the path of a file
PACKAGES = _names("keras keras_hub keras_cv keras_nlp")  # packages from which Keras imports whatever it is told to
